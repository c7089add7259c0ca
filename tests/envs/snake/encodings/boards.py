"""Positions more varied than games would make them: self-avoiding snakes, food, walls, idle steps."""

import numpy as np
from hypothesis import strategies as st

from ouroloop.envs.snake.encodings.board import BODY, FOOD, WALL
from ouroloop.protocols.records import Observations


@st.composite
def batches(draw):
    size, count = draw(st.integers(4, 12)), draw(st.integers(1, 5))
    return random_batch(size, count, draw(st.integers(0, 3)), np.random.default_rng(draw(st.integers(0, 2**32))))


def random_batch(size, count, walls, generator, food_everywhere=True):
    cells = size * size
    board, snake = np.zeros((count, cells), np.uint8), np.zeros((count, cells), np.int16)
    lengths, food = np.zeros(count, np.int32), np.zeros(count, np.int16)
    for row in range(count):
        body = walk(size, int(generator.integers(1, cells - 4)), generator)
        lengths[row] = len(body)
        snake[row, : len(body)] = body
        board[row, body] = BODY
        board[row, body[0]] = 2
        empty = generator.permutation(np.setdiff1d(np.arange(cells), body))
        food[row] = empty[0] if food_everywhere or row % 2 else -1
        if food[row] >= 0:
            board[row, food[row]] = FOOD
        board[row, empty[1 : 1 + walls * (row % 2)]] = WALL
    idle = generator.integers(0, 3 * cells, count).astype(np.int32)
    return Observations({"size": size}, {"board": board, "snake": snake, "food": food, "idle": idle}, {"snake": lengths})


def walk(size, steps, generator):
    """A snake of at most `steps` + 1 cells that touches itself nowhere; never the whole board."""
    cell = int(generator.integers(size * size))
    body = [cell]
    for _ in range(steps):
        row, column = divmod(cell, size)
        near = [(row + r, column + c) for r, c in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        open_ = [r * size + c for r, c in near if 0 <= r < size and 0 <= c < size and r * size + c not in body]
        if not open_:
            break
        cell = int(generator.choice(open_))
        body.append(cell)
    return body

"""Nudged boards: few cells differ, every kind of change occurs, and the board stays valid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ouroloop.envs.snake.drawing.cells import label
from ouroloop.envs.snake.engine.state import BODY, EMPTY, FOOD, HEAD, WALL
from ouroloop.envs.snake.sight.neighbours import nudge
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.records import Observations


def valid(observations, row):
    """Say whether a row's board, snake and food agree, and the snake is one chain."""
    state = observations.row(row)
    size, board, snake = state["size"], state["board"], state["snake"]
    steps = [abs(a // size - b // size) + abs(a % size - b % size) for a, b in itertools.pairwise(snake)]
    drawn = [EMPTY if code in (FOOD, WALL) else code for code in board]
    expected = [EMPTY] * len(board)
    for cell in snake[1:]:
        expected[cell] = BODY
    expected[snake[0]] = HEAD
    foods = [cell for cell, code in enumerate(board) if code == FOOD]
    return set(steps) <= {1} and len(set(snake)) == len(snake) and drawn == expected and foods == [state["food"]]


@pytest.mark.parametrize(("size", "walls"), [(4, 0.0), (6, 0.1)])
def test_nudged_boards_are_valid_and_differ_in_one_to_three_cells(size, walls):
    truth = SnakeTask(size, walls).positions(5, 200).observations()
    before = {key: column.copy() for key, column in truth.columns.items()}
    near = nudge(truth, np.random.default_rng(1))
    changed = (label(near) != label(truth)).sum(1)
    assert set(changed.tolist()) == {1, 2, 3}
    assert all(valid(near, row) for row in range(len(near)))
    assert (near.columns["idle"] == truth.columns["idle"]).all()
    assert all((truth.columns[key] == before[key]).all() for key in before)
    for key, column in truth.columns.items():
        assert near.columns[key].dtype == column.dtype


def test_everything_moves_sooner_or_later():
    truth = SnakeTask(6).positions(3, 1).observations().take(np.zeros(200, np.int64))
    rng = np.random.default_rng(0)
    walled = nudge(truth, rng)
    for _ in range(3):
        walled = nudge(walled, rng)
    assert (walled.columns["food"] != truth.columns["food"]).any()
    assert (walled.columns["snake"][:, 0] != truth.columns["snake"][:, 0]).any()
    assert set(np.sign(walled.lengths["snake"].astype(int) - truth.lengths["snake"].astype(int)).tolist()) == {-1, 0, 1}
    assert (walled.columns["board"] == WALL).any()


def test_a_full_board_loses_its_tail_and_the_same_seed_gives_the_same_boards():
    cells = np.arange(16, dtype=np.int16).reshape(4, 4)
    cells[1::2] = cells[1::2, ::-1]
    board = np.ones((1, 16), np.uint8)
    board[0, 0] = HEAD
    columns = {"board": board, "snake": cells.reshape(1, -1), "food": np.array([-1], np.int16), "idle": np.zeros(1, np.int32)}
    full = Observations({"size": 4}, columns, {"snake": np.array([16], np.int32)})
    near = nudge(full, np.random.default_rng(0))
    assert near.lengths["snake"].tolist() == [15]
    assert near.columns["board"][0, 12] == EMPTY
    truth = SnakeTask(6).positions(1, 20).observations()
    one, two = (nudge(truth, np.random.default_rng(9)) for _ in range(2))
    assert (one.columns["board"] == two.columns["board"]).all()

"""Which cells of a board decide what is best: those that can be changed so that the oracle's best moves change.

Every change is a legal position that differs in one thing:

| what lies on the cell | changes |
|---|---|
| food | it lies on another free cell |
| nothing | a wall stands there |
| a bend of the snake | the snake bends over the opposite corner, if that is free |
| the tail | it lies on another free cell beside the part before it |

A straight part cannot be moved alone, nor can the head without being another decision; they are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.snake.encodings.board import STEPS
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.state import BODY, EMPTY, FOOD, HEAD, WALL
from ouroloop.envs.snake.oracle.regret import regret
from ouroloop.protocols.records import Observations

FOODS: Final = 8
"""Other places that the food is tried in."""


@dataclass(frozen=True, slots=True)
class Change:
    """A position with one thing changed: the cell that it is about, and the new snake, food and walls."""

    cell: int
    snake: tuple[int, ...]
    food: int
    walls: tuple[int, ...]


def decisive(engine: SnakeEngine, seed: int) -> NDArray[np.float64]:
    """Return which cells decide: (B, cells), 1 if some change alters the best moves, 0 if none does, NaN if there is none.

    Args:
        engine: B unfinished positions.
        seed: of the other places of the food.
    """
    seen, rng = engine.observations(), np.random.default_rng(seed)
    best = regret(engine) <= 0
    out = np.full((len(seen), engine.size**2), np.nan)
    for row in range(len(seen)):
        told = seen.take([row])
        changed = list(changes(told, rng))
        altered = (regret(SnakeEngine.of(_positions(told, changed))) <= 0) != best[row]
        for change, other in zip(changed, altered.any(axis=1), strict=True):
            out[row, change.cell] = max(np.nan_to_num(out[row, change.cell]), float(other))
    return out


def changes(told: Observations, rng: np.random.Generator) -> Iterator[Change]:
    """Yield every change of a position, a batch of one, with the food tried in `FOODS` other places."""
    size, length = int(told.constants["size"]), int(told.lengths["snake"][0])
    board = np.asarray(told.columns["board"][0])
    snake, food = tuple(told.columns["snake"][0][:length].tolist()), int(told.columns["food"][0])
    walls, empty = tuple(np.flatnonzero(board == WALL).tolist()), np.flatnonzero(board == EMPTY).tolist()
    for cell in rng.permutation(empty)[:FOODS].tolist() if food >= 0 else []:
        yield Change(food, snake, cell, walls)
    for cell in empty:
        yield Change(cell, snake, food, (*walls, cell))
    free = frozenset(empty)
    for part in range(1, length - 1):
        corner = snake[part - 1] + snake[part + 1] - snake[part]
        if corner in free and abs(snake[part - 1] - snake[part + 1]) not in (2, 2 * size):
            yield Change(snake[part], (*snake[:part], corner, *snake[part + 1 :]), food, walls)
    for cell in _beside(snake[-2], size) if length > 1 else ():
        if cell in free:
            yield Change(snake[-1], (*snake[:-1], cell), food, walls)


def _beside(cell: int, size: int) -> Iterator[int]:
    row, column = divmod(cell, size)
    for down, right in STEPS:
        if 0 <= row + down < size and 0 <= column + right < size:
            yield (row + down) * size + column + right


def _positions(told: Observations, changed: list[Change]) -> Observations:
    """Return the changed positions as observations, in their order."""
    copies = told.take(np.zeros(len(changed), np.int64))
    board, snake = np.full_like(copies.columns["board"], EMPTY), np.zeros_like(copies.columns["snake"])
    for row, change in enumerate(changed):
        board[row, list(change.walls)], board[row, list(change.snake)], board[row, change.snake[0]] = WALL, BODY, HEAD
        if change.food >= 0:
            board[row, change.food] = FOOD
        snake[row, : len(change.snake)] = change.snake
    food = np.array([change.food for change in changed], np.int16)
    columns = {**copies.columns, "board": board, "snake": snake, "food": food}
    return Observations(copies.constants, columns, copies.lengths)

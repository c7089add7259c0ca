"""Boards that differ from given ones in one to three cells, and are as valid: what eyes must not mistake them for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.snake.engine.state import BODY, EMPTY, FOOD, HEAD, WALL, neighbours
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHORTEST: Final = 2
"""A tail is not cut from a snake of this length."""


@dataclass(slots=True)
class _Position:
    """One board that is about to change, in place; `near` is (N, 4), see `state.neighbours`."""

    board: NDArray[np.uint8]
    snake: NDArray[np.int16]
    length: int
    food: int
    near: NDArray[np.int32]

    def free(self) -> list[int]:
        """Return the empty cells."""
        return [int(cell) for cell in np.flatnonzero(self.board == EMPTY)]

    def free_beside(self, cell: int) -> list[int]:
        """Return the empty cells beside a cell."""
        return [int(other) for other in self.near[cell] if other >= 0 and self.board[other] == EMPTY]


def nudge(observations: Observations, rng: np.random.Generator) -> Observations:
    """Return boards on which the apple, the tail, the head or a wall is elsewhere than on the given ones.

    One to three cells of each differ. What no picture shows, such as a counter, stays. A board on which nothing can move
    stays as it is.
    """
    columns: dict[str, NDArray[Any]] = {**observations.columns}
    for key in ("board", "snake", "food"):
        columns[key] = observations.columns[key].copy()
    lengths = observations.lengths["snake"].copy()
    near = neighbours(int(observations.constants["size"])).reshape(-1, 4)
    for row in range(len(observations)):
        position = _Position(columns["board"][row], columns["snake"][row], int(lengths[row]), int(columns["food"][row]), near)
        any(CHANGES[kind](position, rng) for kind in rng.permutation(len(CHANGES)))
        columns["food"][row], lengths[row] = position.food, position.length
    return Observations(observations.constants, columns, {**observations.lengths, "snake": lengths})


def _move_apple(position: _Position, rng: np.random.Generator) -> bool:
    """Put the apple on another empty cell; return whether there was one."""
    free = position.free()
    if position.food < 0 or not free:
        return False
    position.board[position.food] = EMPTY
    position.food = free[rng.integers(len(free))]
    position.board[position.food] = FOOD
    return True


def _move_tail(position: _Position, rng: np.random.Generator) -> bool:
    """Cut the tail, let it grow by a cell, or turn it aside; return whether one of these was possible."""
    last = position.length - 1
    tail = int(position.snake[last])
    ways = [(tail, cell) for cell in position.free_beside(tail)]
    if last:
        ways += [(-1, cell) for cell in position.free_beside(int(position.snake[last - 1]))]
    if position.length > SHORTEST:
        ways.append((-1, -1))
    if not ways:
        return False
    kept, cell = ways[rng.integers(len(ways))]
    if kept < 0:
        position.board[tail], position.snake[last] = EMPTY, 0
        position.length -= 1
    if cell >= 0:
        position.board[cell], position.snake[position.length] = BODY, cell
        position.length += 1
    return True


def _move_head(position: _Position, rng: np.random.Generator) -> bool:
    """Turn the head to another empty cell beside the neck; return whether there was one."""
    free = position.free_beside(int(position.snake[1])) if position.length > 1 else []
    if not free:
        return False
    position.board[position.snake[0]] = EMPTY
    position.snake[0] = free[rng.integers(len(free))]
    position.board[position.snake[0]] = HEAD
    return True


def _move_wall(position: _Position, rng: np.random.Generator) -> bool:
    """Raise a wall, take one away, or move one; return whether one of these was possible."""
    free, walls = position.free(), [int(cell) for cell in np.flatnonzero(position.board == WALL)]
    ways = [way for way, able in (("raise", free), ("raze", walls), ("move", free and walls)) if able]
    if not ways:
        return False
    way = ways[rng.integers(len(ways))]
    if way != "raise":
        position.board[walls[rng.integers(len(walls))]] = EMPTY
    if way != "raze":
        position.board[free[rng.integers(len(free))]] = WALL
    return True


CHANGES: Final[tuple[Callable[[_Position, np.random.Generator], bool], ...]] = (
    _move_apple,
    _move_tail,
    _move_head,
    _move_wall,
)
"""Each changes a board in place, and returns whether it could."""

"""What the encodings compute from the arrays of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

STEPS: Final = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Row and column change of each action."""
BODY, FOOD, WALL = 1, 3, 4
"""Codes of the observation's `board`."""
JUMP: Final = -1
"""Direction of a step between cells that are not neighbours: perceived snakes may have gaps."""


def free_moves(observations: Observations) -> NDArray[np.int32]:
    """Return which actions lead to a cell that does not end the game: (B, 4) int32 of 0 and 1.

    The tail's cell counts as free, because the tail leaves it in the same step.
    """
    count, n = len(observations), int(observations.constants["size"])
    board = np.asarray(observations.columns["board"]).reshape(count, n, n)
    rows = np.arange(count)
    blocked = np.ones((count, n + 2, n + 2), dtype=bool)
    blocked[:, 1:-1, 1:-1] = (board == BODY) | (board == WALL)
    tail = tails(observations)
    blocked[rows, tail // n + 1, tail % n + 1] = False
    head = np.asarray(observations.columns["snake"][:, 0], dtype=np.int64)
    return np.stack([~blocked[rows, head // n + 1 + r, head % n + 1 + c] for r, c in STEPS], axis=1).astype(np.int32)


def free_of(size: int, snake: Sequence[int], walls: Sequence[int]) -> tuple[int, ...]:
    """Return what `free_moves` does, for one board."""
    blocked, (row, column) = {*snake[1:-1], *walls}, divmod(snake[0], size)
    steps = [(row + r, column + c) for r, c in STEPS]
    return tuple(int(0 <= r < size and 0 <= c < size and r * size + c not in blocked) for r, c in steps)


def tails(observations: Observations) -> NDArray[np.int64]:
    """Return the cell of each snake's tail: (B,) int64."""
    last = np.asarray(observations.lengths["snake"], dtype=np.int64) - 1
    return np.asarray(observations.columns["snake"][np.arange(len(last)), last], dtype=np.int64)


def idle_steps(observations: Observations) -> NDArray[np.int64]:
    """Return idle steps in units of the board's size, (B,) int64: so few values that each can have a token."""
    n = int(observations.constants["size"])
    return np.minimum(np.asarray(observations.columns["idle"], dtype=np.int64) // n, 2 * n)

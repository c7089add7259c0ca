"""The eight symmetries of the square: positions, moves and targets are turned and mirrored together. No torch.

A symmetry is a number 0..7: 0..3 turn the board to the left by that many quarter turns; 4..7 mirror it left to right and then
turn it by that number less four. A position and its image are the same game, so a teacher that treats them alike gives eight
lessons with each position. A teacher that follows a fixed way round the board does not: in the image of a position it still
goes its own way, and mirrored lessons would teach all ways at once. See `SYMMETRIC`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.snake.encodings.board import STEPS
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

SYMMETRIES: Final = 8
SYMMETRIC: Final = ("astar", "greedy", "best", "random")
"""Teachers that play a position and its image alike: the moves that they hold to be equally good are each other's images.

It always holds for `astar` and `random`, and in 97 to 99 of 100 positions for `greedy` and `best`, whose searches break some
ties by the order of the moves. For `cycle` it holds in 65 to 72 of 100.
"""


def _matrices() -> NDArray[np.int64]:
    """Return (8, 2, 2) int64: how each symmetry maps a step's (row, column)."""
    turn, mirror = np.array([[0, -1], [1, 0]]), np.array([[1, 0], [0, -1]])
    turns = [np.linalg.matrix_power(turn, quarters) for quarters in range(4)]
    return np.array([*turns, *(quarters @ mirror for quarters in turns)])


MATRICES: Final = _matrices()
ACTIONS_UNDER: Final[NDArray[np.int8]] = np.array(
    [[STEPS.index((int(step[0]), int(step[1]))) for step in STEPS @ matrix.T] for matrix in MATRICES], dtype=np.int8
)
"""(8, 4) int8: the image of each action under each symmetry."""
COMPOSED: Final[NDArray[np.int8]] = np.array(
    [[next(k for k in range(8) if (MATRICES[k] == a @ b).all()) for b in MATRICES] for a in MATRICES], dtype=np.int8
)
"""(8, 8) int8: the symmetry that equals the second one followed by the first."""
INVERSE: Final[NDArray[np.int8]] = np.argwhere(COMPOSED == 0)[:, 1].astype(np.int8)
"""(8,) int8: the inverse of each symmetry."""


@lru_cache(maxsize=32)
def cells_under(size: int) -> NDArray[np.int16]:
    """Return (8, N) int16: the place to which each cell of a board of this size is mapped."""
    # Twice the offset from the middle is a whole number, even on boards of even size.
    offsets = 2 * np.stack(np.divmod(np.arange(size**2), size)) - (size - 1)
    rows, columns = ((MATRICES @ offsets + size - 1) // 2).transpose(1, 0, 2)
    return np.asarray(rows * size + columns, dtype=np.int16)


def transform(observations: Observations, which: NDArray[np.integer]) -> Observations:
    """Return the images of positions.

    Args:
        observations: B of them.
        which: (B,) integers 0..7, the symmetry of each.

    Returns:
        Observations whose `board`, `snake` and `food` are mapped; the padding of snakes and a food of -1 stay as they are.
    """
    cells, columns = cells_under(int(observations.constants["size"])), observations.columns
    board, snake, food = (np.asarray(columns[key]) for key in ("board", "snake", "food"))
    rows, inside = which[:, None], np.arange(snake.shape[1]) < np.asarray(observations.lengths["snake"])[:, None]
    mapped = {
        "board": np.take_along_axis(board, cells[INVERSE[which]].astype(np.int64), axis=1),
        "snake": np.where(inside, cells[rows, snake], snake).astype(snake.dtype),
        "food": np.where(food < 0, food, cells[which, food]).astype(food.dtype),
    }
    return Observations(observations.constants, {**columns, **mapped}, observations.lengths)


def permute_targets(targets: NDArray[np.float32], which: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the targets of the images: (B, 4) float32.

    Args:
        targets: (B, 4) float32, one value per action.
        which: (B,) integers 0..7, the symmetry of each row.
    """
    return np.take_along_axis(targets, ACTIONS_UNDER[INVERSE[which]].astype(np.int64), axis=1)


def check_symmetric(teacher: str) -> None:
    """Refuse a teacher that does not play a position and its image alike.

    Raises:
        UsageError: see `SYMMETRIC`.
    """
    if teacher not in SYMMETRIC:
        found = f"symmetry = true with the teacher {teacher!r}, which does not play a position and its mirror image alike"
        raise UsageError(f"{found}: choose one of {', '.join(SYMMETRIC)}, or symmetry = false")


class BoardSymmetry:
    """The symmetries of the square, as `protocols.ports.Symmetry`."""

    count: Final = SYMMETRIES

    def check(self, teacher: str) -> None:
        """Refuse a teacher that does not play a position and its image alike; raises UsageError."""
        check_symmetric(teacher)

    def images(self, observations: Observations, which: NDArray[np.integer]) -> Observations:
        """Return the images of positions."""
        return transform(observations, which)

    def targets(self, targets: NDArray[np.float32], which: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the targets of the images."""
        return permute_targets(targets, which)

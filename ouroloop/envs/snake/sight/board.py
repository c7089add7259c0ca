"""Snake's `ports.Sight`: the classes of a board's cells, and boards read back from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.snake.engine.state import EMPTY, WALL
from ouroloop.envs.snake.sight.cells import CLASSES, label
from ouroloop.envs.snake.sight.decode import ReadBoards, decode
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

WALLS: Final = 0.25
"""Largest share of the free cells that become walls."""


class BoardSight:
    """What pictures of boards show.

    Args:
        size: side of the boards, in cells.
    """

    def __init__(self, size: int) -> None:
        """Keep the boards' size."""
        self.side, self.classes = size, CLASSES

    def label(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the class of each cell: (B, size * size) uint8."""
        return label(observations)

    def vary(self, observations: Observations, rng: np.random.Generator) -> Observations:
        """Return the boards; in every second one, free cells become walls, up to a share of `WALLS`.

        One reader then serves boards with and without walls, although a task has only one kind.
        """
        columns: dict[str, NDArray[Any]] = {**observations.columns, "board": observations.columns["board"].copy()}
        scatter_walls(columns["board"], rng)
        return Observations(observations.constants, columns, observations.lengths)

    def decode(self, probabilities: NDArray[np.float32]) -> ReadBoards:
        """Return the most plausible boards for class probabilities; see `decode.decode`."""
        return decode(probabilities, self.side)


def scatter_walls(board: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Turn free cells into walls, up to a share of `WALLS`, in every second of the boards (B, size * size), in place."""
    share = rng.uniform(0, WALLS, (len(board), 1)) * (np.arange(len(board)) % 2 == 1)[:, None]
    board[(board == EMPTY) & (rng.random(board.shape) < share)] = WALL

"""What Snake-XL is: its boards, its games and its version. A change to any of them, or to the rules, is a new version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.seeds import splitmix

NAME: Final = "snake-xl"
VERSION: Final = 1
SIZES: Final = (6, 8, 10, 16, 20)
WALLS: Final = (0.0, 0.05, 0.1)
"""Shares of the cells that become walls, laid anew for each game and never so that they cut the board in two."""
GAMES: Final = 50
"""Games on each board."""
BASE: Final = 0x534E414B45584C
"""The seeds are the first elements of the SplitMix64 sequence of this number, the same on every board."""


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of board: its side, and the share of its cells that become walls."""

    size: int
    walls: float

    @property
    def name(self) -> str:
        """The board in words, e.g. `10x10, walls 5 %`."""
        return f"{self.size}x{self.size}" + (f", walls {self.walls:.0%}".replace("%", " %") if self.walls else "")

    def task(self) -> SnakeTask:
        """Return the game on this board."""
        return SnakeTask(self.size, self.walls)


BOARDS: Final = tuple(Board(size, walls) for size in SIZES for walls in WALLS)


def seeds(games: int = GAMES) -> tuple[int, ...]:
    """Return the seeds of the first games of every board."""
    return tuple(splitmix(BASE, index) for index in range(games))


def keys(first: int, end: int) -> NDArray[np.uint64]:
    """Return the seeds of games `first .. end - 1` of every board: (N,) uint64."""
    return np.array(seeds(end)[first:], dtype=np.uint64)

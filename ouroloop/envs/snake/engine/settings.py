"""The settings of a board: its side, its walls, where food appears, how the snake starts and when it starves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.snake.engine import state
from ouroloop.protocols.errors import UsageError

MIN_SIZE: Final = 4
MAX_SIZE: Final = 128
MAX_WALLS: Final = 0.25
MAX_IDLE: Final = 1_000_000_000
CLUSTER: Final = 4
"""With clustered food, this many free cells are drawn at random, and the one nearest the last meal gets the food."""
Food = Literal["uniform", "clustered"]


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """How the games of a batch differ from plain ones. `checked_settings` makes one from a user's values.

    Args:
        walls: share of the cells that become walls, laid anew for each game; fewer if more would cut the board in two.
        wall_map: (size, size) bool, walls that every game has; excludes `walls`.
        food: uniform over the free cells, or in clusters near the last meal.
        start_length: of the snake.
        idle_limit: steps allowed without food; None for cells plus length.
    """

    walls: float = 0.0
    wall_map: NDArray[np.bool_] | None = None
    food: Food = "uniform"
    start_length: int = 3
    idle_limit: int | None = None

    def desk(self, size: int) -> NDArray[np.int64]:
        """Return `State.desk` of a fresh batch."""
        desk = np.zeros(state.ENTRIES, np.int64)
        desk[state.MOMENT] = 1
        desk[state.START_LENGTH] = self.start_length
        desk[state.IDLE_LIMIT] = self.idle_limit or 0
        desk[state.CLUSTER] = CLUSTER if self.food == "clustered" else 0
        desk[state.WALLS] = int(self.walls * size * size)
        return desk


PLAIN: Final = Settings()


def checked_size(size: object) -> int:
    """Return a playable side of the board. Raises UsageError, a ValueError, for any other."""
    if isinstance(size, bool) or not isinstance(size, int) or not MIN_SIZE <= size <= MAX_SIZE:
        raise UsageError(f"board size {size!r} is not playable: choose a whole number from {MIN_SIZE} to {MAX_SIZE}")
    return size


def checked_settings(
    size: int,
    *,
    walls: float = 0.0,
    wall_map: str | Sequence[str] | None = None,
    food: str = "uniform",
    start_length: int = 3,
    idle_limit: int | None = None,
) -> Settings:
    """Return the settings that a user asks for.

    Args:
        size: side of the board.
        walls: see `Settings`.
        wall_map: lines of `size` characters, `#` a wall and `.` free (one text with line breaks, or a list).
        food: `uniform` or `clustered`.
        start_length: 1 to `size`.
        idle_limit: see `Settings`.

    Raises:
        UsageError: the settings cannot be played; the message says why. It is a ValueError too.
    """
    if not (
        isinstance(walls, int | float) and not isinstance(walls, bool) and math.isfinite(walls) and 0 <= walls <= MAX_WALLS
    ):
        raise UsageError(f"share of walls {walls!r} is not possible: choose a number from 0 to {MAX_WALLS}")
    if food not in ("uniform", "clustered"):
        raise UsageError(f"food {food!r} is not known: choose uniform or clustered")
    if isinstance(start_length, bool) or not isinstance(start_length, int) or not 1 <= start_length <= size:
        raise UsageError(
            f"start length {start_length!r} does not fit: choose a whole number from 1 to {size}, the board's side"
        )
    if idle_limit is not None and (
        isinstance(idle_limit, bool) or not isinstance(idle_limit, int) or not 1 <= idle_limit <= MAX_IDLE
    ):
        raise UsageError(f"idle limit {idle_limit!r} is not possible: choose 1 to {MAX_IDLE} steps, or none")
    if wall_map is not None and walls:
        raise UsageError("both a share of walls and a map of walls: give one of them")
    plan = None if wall_map is None else read_map(wall_map, size)
    return Settings(float(walls), plan, "clustered" if food == "clustered" else "uniform", start_length, idle_limit)


def read_map(text: str | Sequence[str], size: int) -> NDArray[np.bool_]:
    """Return a map's walls: (size, size) bool.

    Raises:
        UsageError: lines of a wrong number or length, an unknown character, or walls that cut the board or leave no room.
    """
    lines = text.split() if isinstance(text, str) else [str(line) for line in text]
    if len(lines) != size or any(len(line) != size for line in lines):
        found = f"{len(lines)} lines of {sorted({len(line) for line in lines})} characters"
        raise UsageError(f"a map of walls for this board has {size} lines of {size} characters, found {found}")
    unknown = sorted(set("".join(lines)) - set("#."))
    if unknown:
        raise UsageError(f"a map of walls has '#' for a wall and '.' for a free cell, found {unknown[0]!r}")
    walls: NDArray[np.bool_] = np.array([[mark == "#" for mark in line] for line in lines])
    if not is_one_region(~walls):
        raise UsageError("the map's walls cut the free cells in two or leave none: open a way, or fill what is cut off")
    return walls


def is_one_region(free: NDArray[np.bool_]) -> bool:
    """Tell whether the free cells, (size, size) bool, are connected; False if there are none."""
    region = np.zeros_like(free)
    region.flat[int(free.argmax())] = bool(free.any())
    while True:
        grown = region.copy()
        grown[1:] |= region[:-1]
        grown[:-1] |= region[1:]
        grown[:, 1:] |= region[:, :-1]
        grown[:, :-1] |= region[:, 1:]
        grown &= free
        if np.array_equal(grown, region):
            return bool(region.any()) and np.array_equal(region, free)
        region = grown

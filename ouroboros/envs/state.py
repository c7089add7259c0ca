"""What a batch of games is made of: codes, columns, flat arrays and counter-based randomness.

All arrays are flat or batch-first and are indexed by absolute offsets inside the kernels: a row slice in the inner loop
costs several times the work itself.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""An array inside a kernel, where numba infers the scalar types."""
Function = TypeVar("Function", bound=Callable[..., object])

EMPTY: Final = 0
BODY: Final = 1
HEAD: Final = 2
FOOD: Final = 3
WALL: Final = 4

UP: Final = 0
DOWN: Final = 1
LEFT: Final = 2
RIGHT: Final = 3

CAUSES: Final = ("wall", "body", "starved", "won")
RUNNING: Final = -1
HIT_WALL: Final = 0
HIT_BODY: Final = 1
STARVED: Final = 2
WON: Final = 3

START_LENGTH: Final = 3

# Columns of `State.table`.
AT: Final = 0  # where the head lies in the game's ring
LENGTH: Final = 1
MEAL: Final = 2  # the food's cell, -1 on a full board
IDLE: Final = 3  # steps since the last food
STEPS: Final = 4
SCORE: Final = 5
TRAVEL: Final = 6  # shortest distances at spawn, summed over the foods eaten
PENDING: Final = 7  # the same of the food that lies on the board
CAUSE: Final = 8
ROOM: Final = 9  # cells that are not walls
DRAWS: Final = 10  # random numbers used so far
COLUMNS: Final = 11


class State(NamedTuple):
    """B games on boards of N = size * size cells, and the scratch space of the searches over them.

    Args:
        board: (B * N,) uint8, one of the codes above per cell.
        ring: (B * N,) int16, each game's last N head cells, newest at `AT` and older ones after it, cyclically; the
            first `LENGTH` of them are the snake.
        table: (B, COLUMNS) int64.
        keys: (B,) uint64, the games' seeds.
        near: (N * 4,) int32, the neighbour of each cell in each direction, -1 outside the board.
        mark: (N,) int64, where a search has been: `mark - stamp` is the distance if it is not negative.
        queue: (N,) int32.
        work: (N,) uint8, one board that a search may write on.
        stamp: (1,) int64, larger than every mark, so that no search has to clear `mark`.
    """

    board: Array
    ring: Array
    table: Array
    keys: Array
    near: Array
    mark: Array
    queue: Array
    work: Array
    stamp: Array


@cache
def _use_own_cache() -> None:
    """Keep compiled kernels in a folder named by all sources here, unless the user chose one (`NUMBA_CACHE_DIR`).

    Numba renews a kernel when its own file changes, but not when one does whose kernels were compiled into it; and a
    package may be installed where nothing can be written.
    """
    if not numba.config.CACHE_DIR:
        sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        numba.config.CACHE_DIR = str(home / "ouroboros" / "kernels" / hashlib.sha256(sources).hexdigest()[:16])


def kernel(function: Function) -> Function:
    """Compile with numba, cached on disk and without the interpreter lock; the types stay those of the source."""
    _use_own_cache()
    return cast(Function, njit(cache=True, nogil=True)(function))


def neighbours(size: int) -> NDArray[np.int32]:
    """Return (N * 4,) int32: the cell above, below, left and right of each cell, -1 outside the board."""
    cells = np.arange(size * size, dtype=np.int32).reshape(size, size)
    padded = np.pad(cells, 1, constant_values=-1)
    sides = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.stack(sides, axis=-1).reshape(-1)


def allocate(keys: NDArray[np.uint64], size: int) -> State:
    """Return a state with every array in place and no game begun."""
    games, cells = len(keys), size * size
    return State(
        board=np.zeros(games * cells, np.uint8),
        ring=np.zeros(games * cells, np.int16),
        table=np.zeros((games, COLUMNS), np.int64),
        keys=keys,
        near=neighbours(size),
        mark=np.zeros(cells, np.int64),
        queue=np.zeros(cells, np.int32),
        work=np.zeros(cells, np.uint8),
        stamp=np.ones(1, np.int64),
    )


@kernel
def draw(state: State, game: int, bound: int) -> int:
    """Return a uniform integer below `bound` (at most 2**32): element `DRAWS` of the game's SplitMix64 sequence.

    The multiply-shift of Lemire (2019) without its rejection step: the bias is below 2**-17 on the largest board.
    """
    index = state.table[game, DRAWS]
    state.table[game, DRAWS] = index + 1
    z = state.keys[game] + np.uint64(index + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64(((z >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))  # type: ignore[return-value]

"""What a batch of games is made of: stamped boards, columns, and counter-based randomness.

A cell holds the moment (a count of moves, the *clock*) at which the head last entered it. The snake is the set of cells that
were entered within the last `length` moves. The tail therefore needs no list and no erasing, the snake's order can be read
off, and a new game makes the old snake vanish by letting the clock run past it. Walls have a stamp that never gets old.

Why the kernels are fast: all arrays are flat or batch-first and indexed by absolute unsigned positions (a signed index costs
a test for Python's negative ones, and a row slice costs several times the work itself). Kernels allocate nothing, so numba's
reference counting is off (it costs a factor of six here). Code that runs at every move is inlined into its callers, since a
call would pass every array by value.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, inlined

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

# Columns of `State.table`.
AT: Final = 0  # the head's cell
CLOCK: Final = 1  # the head's stamp; every move but a deadly one adds 1
SPAN: Final = 2  # the head may enter a cell whose stamp is at least this much less than the clock
MEAL: Final = 3  # the food's cell, -1 on a full board
DEADLINE: Final = 4  # the clock value at which something is due: starvation, or setting back the clock
CAUSE: Final = 5
LENGTH: Final = 6
FED: Final = 7  # the clock at the last meal; before the first one, at the beginning
BORN: Final = 8  # the clock at the beginning
TRAVEL: Final = 9  # shortest distances at spawn, summed over the foods eaten
PENDING: Final = 10  # the shortest distance at spawn of the food that lies on the board
ROOM: Final = 11  # cells that are not walls
DRAWS: Final = 12  # random numbers used so far
WHIM: Final = 13  # the source of a random player's moves
COLUMNS: Final = 16  # one cache line a game

# Entries of `State.desk`.
MOMENT: Final = 0  # the next search's moment, see `search.begin_search`
START_LENGTH: Final = 1
IDLE_LIMIT: Final = 2  # steps allowed without food; 0 stands for cells plus length
CLUSTER: Final = 3  # 0 for uniform food, else how many free cells are drawn; the one nearest the last meal gets the food
WALLS: Final = 4  # walls laid at random for every game
ENTRIES: Final = 8

# Rows of `State.bits`.
NOT_FIRST: Final = 0
NOT_LAST: Final = 1
FREE: Final = 2
FRONTS: Final = 3  # and 4

STONE: Final = 0xFFFF
"""The stamp of a wall."""
END: Final = 0xFFF0
"""The clock is set back before it gets here."""

u64: Final[Any] = np.uint64
i32: Final[Any] = np.int32
WEYL: Final = u64(0x9E3779B97F4A7C15)
MIX1: Final = u64(0xBF58476D1CE4E5B9)
MIX2: Final = u64(0x94D049BB133111EB)
LOW: Final = u64(0xFFFF)


class State(NamedTuple):
    """B games on boards of N = size * size cells, and the scratch space of the searches over them.

    Args:
        stamps: (B * (N + 1),) uint16, each cell's stamp per game; the last one is a wall and stands for all off the board.
        table: (B, COLUMNS) int32.
        keys: (B,) uint64, the games' seeds.
        near: (N,) uint64, each cell's four neighbours, 16 bits each, up in the lowest; N outside the board.
        place: (N,) uint16, each cell's row * 256 + column: a table is faster than a division.
        desk: (ENTRIES,) int64, values that all games share.
        mark: (N + 1,) int32, the cells that a search has visited.
        queue: (N + 1,) int32.
        bits: (5, W) uint64, boards of one bit a cell, see `bitboard`.
    """

    stamps: Array
    table: Array
    keys: Array
    near: Array
    place: Array
    desk: Array
    mark: Array
    queue: Array
    bits: Array


def neighbours(size: int) -> NDArray[np.int32]:
    """Return (N * 4,) int32: the cell above, below, left and right of each cell, -1 outside the board."""
    cells = np.arange(size * size, dtype=np.int32).reshape(size, size)
    padded = np.pad(cells, 1, constant_values=-1)
    sides = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.stack(sides, axis=-1).reshape(-1)


def packed_neighbours(size: int) -> NDArray[np.uint64]:
    """Return (N,) uint64, `State.near` of a board."""
    sides = neighbours(size).reshape(-1, 4).astype(np.int64)
    words = np.where(sides < 0, size * size, sides).astype(np.uint64) << np.arange(0, 64, 16, dtype=np.uint64)
    packed: NDArray[np.uint64] = np.bitwise_or.reduce(words, axis=1)
    return packed


def bitboards(size: int) -> NDArray[np.uint64]:
    """Return (5, W) uint64: zeros except `NOT_FIRST` and `NOT_LAST`, all cells but those of the first or last column.

    Cell c is bit c % 64 of word `c // 64 + size // 64 + 1`; the words around stay 0, so that shifts may reach past the edges.
    """
    pad, words = size // 64 + 1, -(-size * size // 64)
    cells = np.arange(64 * words)
    bits = np.zeros((5, words + 2 * pad), np.uint64)
    for index, column in ((NOT_FIRST, 0), (NOT_LAST, size - 1)):
        inside = (cells % size != column) & (cells < size * size)
        bits[index, pad : pad + words] = np.packbits(inside, bitorder="little").view(np.uint64)
    return bits


def allocate(keys: NDArray[np.uint64], size: int, desk: NDArray[np.int64]) -> State:
    """Return a state with every array in place and no game begun."""
    games, cells = len(keys), size * size
    stamps = np.zeros((games, cells + 1), np.uint16)
    stamps[:, cells] = STONE
    return State(
        stamps=stamps.reshape(-1),
        table=np.zeros((games, COLUMNS), np.int32),
        keys=keys,
        near=packed_neighbours(size),
        place=(np.arange(cells) // size * 256 + np.arange(cells) % size).astype(np.uint16),
        desk=desk,
        mark=np.zeros(cells + 1, np.int32),
        queue=np.zeros(cells + 1, np.int32),
        bits=bitboards(size),
    )


@inlined
def spot(size: int, game: int, cell: int) -> int:
    """Return the place of a game's cell in `State.stamps`."""
    return u64(game) * u64(size * size + 1) + u64(cell)


@inlined
def beside(state: State, cell: int, move: int) -> int:
    """Return the cell next to `cell` in the direction of `move`, N off the board; it is unsigned, ready to index with."""
    return (state.near[u64(cell)] >> (u64(16) * u64(move))) & LOW


@inlined
def row_of(state: State, cell: int) -> int:
    """Return a cell's row."""
    return i32(state.place[u64(cell)] >> 8)


@inlined
def column_of(state: State, cell: int) -> int:
    """Return a cell's column."""
    return i32(state.place[u64(cell)] & 0xFF)


@inlined
def manhattan(state: State, a: int, b: int) -> int:
    """Return the Manhattan distance of two cells."""
    return abs(row_of(state, a) - row_of(state, b)) + abs(column_of(state, a) - column_of(state, b))


@inlined
def mix(z: int) -> int:
    """Return an unsigned 64-bit number passed through the finalizer of SplitMix64 (Steele et al. 2014)."""
    z = (z ^ (z >> u64(30))) * MIX1
    z = (z ^ (z >> u64(27))) * MIX2
    return z ^ (z >> u64(31))


@inlined
def draw(state: State, game: int, bound: int) -> int:
    """Return a uniform integer below `bound` (at most 2**32): element `DRAWS` of the game's SplitMix64 sequence.

    It uses the multiply-shift of Lemire (2019) without the rejection step: the bias is below 2**-17 on the largest board.
    """
    index = state.table[game, DRAWS] + 1
    state.table[game, DRAWS] = index
    z = mix(state.keys[game] + u64(index) * WEYL)
    return np.int64(((z >> u64(32)) * u64(bound)) >> u64(32))  # type: ignore[return-value]

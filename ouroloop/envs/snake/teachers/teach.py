"""Players to learn from, by name: their moves for a batch, their whole games, and which moves they hold to be equally good.

`astar` takes the shortest way to the food, whatever follows. `greedy` takes it only if the tail stays in reach. `cycle` goes
along a Hamiltonian cycle with shortcuts. `early` takes shortcuts only while half of the board is free; it needs a third fewer
steps that way and leaves a long snake nothing to decide, which makes it the easiest to imitate. `best` is the strongest on
every board. `random` makes any move that is not a death: the floor for comparing the others.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.search import distance_to, flood, refresh, vacant
from ouroloop.envs.snake.engine.state import (
    AT,
    BORN,
    CAUSE,
    CLOCK,
    LENGTH,
    MEAL,
    MIX1,
    ROOM,
    RUNNING,
    SPAN,
    WEYL,
    WHIM,
    State,
    beside,
    i32,
    spot,
    u64,
)
from ouroloop.envs.snake.engine.views import write_snake
from ouroloop.envs.snake.oracle.astar import astar, lanes_for
from ouroloop.envs.snake.oracle.regret import ASTRAY, rate_moves
from ouroloop.envs.snake.teachers.best import best_move
from ouroloop.envs.snake.teachers.cycle import positions_on_cycle
from ouroloop.envs.snake.teachers.tiles import Scratch, Tables, make_scratch, make_tables
from ouroloop.protocols.errors import UsageError

RANDOM: Final = 0
ASTAR: Final = 1
GREEDY: Final = 2
CYCLE: Final = 3
BEST: Final = 4
EARLY: Final = 5
TEACHERS: Final = {"astar": ASTAR, "greedy": GREEDY, "cycle": CYCLE, "early": EARLY, "best": BEST, "random": RANDOM}
"""Teachers by name."""


class Aids(NamedTuple):
    """What teachers use beside the games, for one board size and one thread.

    Args:
        order: (N,) int32, each cell's place on the Hamiltonian cycle; empty on odd boards.
        rating: (4,) float32, scratch.
        lanes: (2, 4 * N) int64, scratch of A*.
        tables: the lanes of `best`.
        scratch: the scratch space of `best`.
    """

    order: Array
    rating: Array
    lanes: Array
    tables: Tables
    scratch: Scratch


@cache
def first_of_each() -> NDArray[np.uint8]:
    """Return (24 * 16,) uint8: the first legal move, for each order of the four moves and each set of legal ones."""
    orders = [(a, b, c, 6 - a - b - c) for a in range(4) for b in range(4) for c in range(4) if len({a, b, c}) == 3]
    rows = [[next((move for move in order if legal >> move & 1), 0) for legal in range(16)] for order in orders]
    return np.array(rows, np.uint8).reshape(-1)


FIRST_LEGAL: Final = first_of_each()


def make_aids(size: int) -> Aids:
    """Return fresh aids for boards of this size."""
    return Aids(positions_on_cycle(size), np.zeros(4, np.float32), lanes_for(size), make_tables(size), make_scratch(size))


class ThreadAids(threading.local):
    """Each thread's aids for the board size that it used last, since making them costs more than a move."""

    def __init__(self) -> None:
        """Begin with none."""
        self.size = 0
        self.aids: Aids | None = None

    def of(self, size: int) -> Aids:
        """Return this thread's aids."""
        if self.aids is None or self.size != size:
            self.size, self.aids = size, make_aids(size)
        return self.aids


MINE: Final = ThreadAids()


@inlined
def legal_moves(state: State, size: int, game: int) -> int:
    """Return the moves that are not deaths: bit 0 for up to bit 3 for right."""
    stamps, base, limit = state.stamps, spot(size, game, 0), state.table[game, CLOCK] - state.table[game, SPAN]
    sides, legal = state.near[u64(state.table[game, AT])], u64(0)
    for move in range(u64(4)):
        legal |= u64(i32(stamps[base + ((sides >> (u64(16) * move)) & u64(0xFFFF))]) <= limit) << move
    return legal


@inlined
def random_move(state: State, size: int, game: int) -> int:
    """Return a legal move, each equally likely; 0 if every move is a death.

    It is a function of the game's seed and of the moves made: the first legal one in a random order of the four. One round of
    SplitMix64 is enough here, because the seed has been through all its rounds before (`layout.use_key`).
    """
    steps = state.table[game, CLOCK] - state.table[game, BORN]
    bits = (u64(state.table[game, WHIM]) << u64(32)) + u64(steps) * WEYL
    bits = (bits ^ (bits >> u64(32))) * MIX1
    order = ((bits >> u64(32)) * u64(24)) >> u64(32)
    return u64(FIRST_LEGAL[order * u64(16) + legal_moves(state, size, game)])


@kernel
def astar_move(state: State, size: int, game: int, lanes: Array) -> int:
    """Return the move along A*'s path; if there is none, a random one that is not a death."""
    _, move = astar(state, size, game, lanes)
    return move if move >= 0 else np.int64(random_move(state, size, game))  # type: ignore[return-value]


@kernel
def along_cycle(state: State, size: int, game: int, order: Array, furthest: int) -> tuple[int, bool]:
    """Return the furthest move along the cycle (-1 if none) and whether the whole snake lies along it, head foremost.

    The move passes neither the food nor any part of the snake, and goes `furthest` cells at most.

    While the whole snake lies behind its head on the cycle, the next cell is free or the tail is leaving it, so the snake can
    follow the cycle for ever. Shortcuts keep that order and never pass the food.
    """
    cells, snake = size * size, state.queue
    length = state.table[game, LENGTH]
    write_snake(state, size, game, snake, u64(0))
    head = snake[0]
    here = order[head]
    limit = min(furthest, (order[state.table[game, MEAL]] - here) % cells)
    along, last = True, cells
    for index in range(1, length):
        gap = (order[snake[index]] - here) % cells
        along, last = along and gap < last, gap
        limit = min(limit, gap if index == length - 1 else gap - 1)
    best, choice = 0, -1
    for move in range(4):
        target = beside(state, head, move)
        if target < u64(cells):
            gap = (order[target] - here) % cells
            if best < gap <= limit:
                best, choice = gap, move
    return choice, along


@kernel
def cycle_move(state: State, size: int, game: int, order: Array, rating: Array, most: int) -> int:
    """Return the cycle's move, or the oracle's if walls or a start against the cycle leave no safe one.

    Snakes longer than `most` take no shortcuts.
    """
    choice, along = -1, False
    if state.table[game, ROOM] == order.size:
        furthest = order.size if state.table[game, LENGTH] <= most else 1
        choice, along = along_cycle(state, size, game, order, furthest)
    if choice < 0 or not along:
        rate_moves(state, size, game, rating)
        if choice < 0 or rating[choice] > ASTRAY:
            choice = int(rating.argmin())
    return choice


@kernel
def teacher_move(state: State, size: int, game: int, teacher: int, aids: Aids) -> int:
    """Return a teacher's move in a running game, 0..3."""
    if teacher == ASTAR:
        return astar_move(state, size, game, aids.lanes)
    if teacher == GREEDY:
        rate_moves(state, size, game, aids.rating)
        return int(aids.rating.argmin())
    if teacher in (CYCLE, EARLY):
        return cycle_move(state, size, game, aids.order, aids.rating, size * size // (2 if teacher == EARLY else 1))
    if teacher == BEST:
        return best_move(state, size, game, aids.tables, aids.scratch)
    return np.int64(random_move(state, size, game))  # type: ignore[return-value]


@kernel
def shortest_starts(state: State, size: int, game: int) -> int:
    """Return all moves that begin a shortest way to the food, as bits; 0 if the food is cut off."""
    cells, head, food = size * size, state.table[game, AT], state.table[game, MEAL]
    refresh(state, cells)
    moment, _ = flood(state, size, game, food, vacant(state, game), -1)
    nearest, starts = cells + 1, 0
    for move in range(4):
        away = distance_to(state, moment, cells, beside(state, head, move))
        if 0 <= away <= nearest:
            starts = (starts if away == nearest else 0) | 1 << move
            nearest = away
    return starts


@kernel
def equal_moves(state: State, size: int, game: int, teacher: int, choice: int, aids: Aids) -> int:
    """Return the moves that the teacher holds to be as good as its choice, itself included: bit 0 for up to 3 for right.

    For `astar` these begin some shortest way (all legal moves if the food is cut off); for `greedy` the oracle rates them
    alike; for `random` they are legal. The others weigh more than two moves could share, so their choice stands alone.
    """
    alike = 0
    if teacher == ASTAR:
        alike = shortest_starts(state, size, game)
    if teacher == RANDOM or (teacher == ASTAR and alike == 0):
        alike = i32(legal_moves(state, size, game))
    if teacher == GREEDY:
        rate_moves(state, size, game, aids.rating)
        for move in range(4):
            alike |= (aids.rating[move] == aids.rating[choice]) << move
    return alike | 1 << choice


@kernel
def teach_all(state: State, size: int, teacher: int, aids: Aids, moves: Array) -> None:
    """Fill `moves`: (B,) with a teacher's moves for the running games."""
    for game in range(u64(state.keys.size)):
        if state.table[game, CAUSE] == RUNNING:
            moves[game] = teacher_move(state, size, game, teacher, aids)


@kernel
def equal_to_all(state: State, size: int, teacher: int, aids: Aids, moves: Array, alike: Array) -> None:
    """Fill `alike`: (B,) with the bits of `equal_moves` for moves: (B,), for the running games."""
    for game in range(u64(state.keys.size)):
        if state.table[game, CAUSE] == RUNNING:
            if teacher == GREEDY:
                rate_moves(state, size, game, aids.rating)
            alike[game] = equal_moves(state, size, game, teacher, moves[game], aids)


def teacher_code(name: str) -> int:
    """Return the number of a teacher. Raises UsageError if there is none of this name."""
    if name not in TEACHERS:
        raise UsageError(f"teacher {name!r} is not known: choose one of {', '.join(TEACHERS)}")
    return TEACHERS[name]


def teach(name: str, engine: SnakeEngine) -> NDArray[np.int8]:
    """Return the named teacher's moves: (B,) int8, 0 for finished games.

    Raises:
        UsageError: there is no such teacher.
    """
    moves = np.zeros(engine.games, np.int8)
    teach_all(engine.state, engine.size, teacher_code(name), MINE.of(engine.size), moves)
    return moves


def all_equal_moves(name: str, engine: SnakeEngine, moves: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which moves the named teacher holds to be as good as its own `moves`: (B, 4) bool, false for finished games.

    Raises:
        UsageError: there is no such teacher.
    """
    alike = np.zeros(engine.games, np.int64)
    equal_to_all(engine.state, engine.size, teacher_code(name), MINE.of(engine.size), np.asarray(moves, np.int64), alike)
    return np.asarray(alike[:, None] >> np.arange(4) & 1, dtype=bool)

"""Players to learn from, batched: the reference document's A*, a safe greedy one, and one along a Hamiltonian cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroboros.envs.astar import shortest_paths
from ouroboros.envs.cycle import positions_on_cycle
from ouroboros.envs.engine import SnakeEngine
from ouroboros.envs.oracle import ASTRAY, entered, rate_moves, regret
from ouroboros.envs.state import CAUSE, LENGTH, MEAL, ROOM, RUNNING, Array, State, beside, kernel, u64
from ouroboros.envs.views import write_snake
from ouroboros.protocols.errors import UsageError


@kernel
def fill_legal(state: State, size: int, moves: Array) -> None:
    """Replace every -1 in `moves`: (B,) by the first move that is no death, 0 where each is one."""
    for game in range(u64(state.keys.size)):
        if moves[game] < 0:
            moves[game] = 0
            for move in range(3, -1, -1):
                if state.table[game, CAUSE] == RUNNING and entered(state, size, game, move) >= 0:
                    moves[game] = move


@kernel
def cycle_move(state: State, size: int, game: int, order: Array) -> tuple[int, bool]:
    """Return the furthest move along the cycle (-1 if none) and whether the whole snake lies along it, head foremost.

    The move passes neither the food nor any part of the snake.

    While the whole snake lies behind its head on the cycle, the next cell is free or is left by the tail, so the snake can
    follow the cycle for ever; shortcuts keep that order, and never pass the food.
    """
    cells, snake = size * size, state.queue
    length = state.table[game, LENGTH]
    write_snake(state, size, game, snake, u64(0))
    head = snake[0]
    here = order[head]
    limit = (order[state.table[game, MEAL]] - here) % cells
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
def cycle_all(state: State, size: int, order: Array, rating: Array, moves: Array) -> None:
    """Fill `moves`: (B,) with the cycle's, or the oracle's where walls or a start against it leave none that is safe.

    `rating` is (4,) float32 scratch.
    """
    for game in range(u64(state.keys.size)):
        if state.table[game, CAUSE] == RUNNING:
            choice, along = -1, False
            if state.table[game, ROOM] == order.size:
                choice, along = cycle_move(state, size, game, order)
            if choice < 0 or not along:
                rate_moves(state, size, game, rating)
                if choice < 0 or rating[choice] > ASTRAY:
                    choice = int(rating.argmin())
            moves[game] = choice


def astar(engine: SnakeEngine) -> NDArray[np.int8]:
    """Play the reference document's teacher: along A*'s path; where there is none, the first move that is no death."""
    _, moves = shortest_paths(engine)
    fill_legal(engine.state, engine.size, moves)
    return moves


def greedy(engine: SnakeEngine) -> NDArray[np.int8]:
    """Play the shortest way to the food after which the tail can be reached, else the longest way to the tail."""
    moves: NDArray[np.int8] = regret(engine).argmin(axis=1).astype(np.int8)
    return moves


def cycle(engine: SnakeEngine) -> NDArray[np.int8]:
    """Play along a Hamiltonian cycle with shortcuts; `greedy` on odd boards and among walls."""
    order = positions_on_cycle(engine.size)
    moves = np.zeros(engine.games, np.int8)
    cycle_all(engine.state, engine.size, order, np.zeros(4, np.float32), moves)
    return moves


TEACHERS: Final[dict[str, Callable[[SnakeEngine], NDArray[np.int8]]]] = {
    "astar": astar,
    "greedy": greedy,
    "cycle": cycle,
    "best": cycle,
}
"""Teachers by name; `best` is the strongest there is for every board."""


def teach(name: str, engine: SnakeEngine) -> NDArray[np.int8]:
    """Return the named teacher's moves: (B,) int8, 0 for finished games.

    Raises:
        UsageError: there is no such teacher.
    """
    if name not in TEACHERS:
        raise UsageError(f"teacher {name!r} is not known: choose one of {', '.join(TEACHERS)}")
    return TEACHERS[name](engine)

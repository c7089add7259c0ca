"""The oracle: how much worse each move of a position is than the best one, judged by the position after it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.search import (
    at_stamp,
    begin_search,
    distance_to,
    reached,
    refresh,
    spread,
    vacant,
)
from ouroloop.envs.snake.engine.state import (
    AT,
    CAUSE,
    CLOCK,
    LENGTH,
    MEAL,
    ROOM,
    RUNNING,
    SPAN,
    State,
    beside,
    i32,
    manhattan,
    spot,
    u64,
)

DEADLY: Final = 1.0
TRAPPED: Final = 0.7
RISKY: Final = 0.5
"""Regret of a move that loses the tail but leaves at least as many free cells as the snake is long."""
ASTRAY: Final = 0.3
"""Regret of a move after which no safe way to the food is known, although another move has one."""
DETOUR: Final = 0.2
"""Regret of a detour of `2 * size` steps or more; shorter detours cost in proportion."""


@inlined
def entered(state: State, size: int, game: int, move: int) -> int:
    """Return the cell that the head enters by a move, -1 if the move is a death."""
    target, limit = beside(state, state.table[game, AT], move), state.table[game, CLOCK] - state.table[game, SPAN]
    return i32(target) if i32(state.stamps[spot(size, game, target)]) <= limit else i32(-1)


@kernel
def walk_is_safe(state: State, size: int, game: int, moment: int, later: int) -> bool:
    """Tell whether the snake can still reach its tail after eating the food along the path of the last flood.

    Walks back from the food to the flood's start (the head after the first move) and closes the cells on which the snake
    will then lie to a second flood, which floods from the food to the tail.

    Args:
        state: the games.
        size: side of the board.
        game: which one.
        moment: of the flood that found the food.
        later: the moment of the second flood.
    """
    mark, near, cells = state.mark, state.near, size * size
    length, food = state.table[game, LENGTH], state.table[game, MEAL]
    if length + 1 == state.table[game, ROOM]:
        return True
    far = mark[food] - moment
    cell, tail = u64(food), u64(food)
    for left in range(far, -1, -1):  # from the food back to the cell of the first move
        wanted = i32(moment + left - 1)
        sides = near[cell]
        if far - left <= length:
            mark[cell] = later + cells + 1
            tail = cell
        for _ in range(4):
            other = sides & u64(0xFFFF)
            sides >>= u64(16)
            if left > 0 and mark[other] == wanted:
                cell = other
                break
    threshold = state.table[game, CLOCK] + far - length  # the snake has moved by 1 + far steps and grown by one
    if far < length:
        tail = u64(at_stamp(state, size, game, threshold + 1))
    spread(state, size, game, later, food, threshold, -1)
    return reached(state, size, later, tail) >= 0


@kernel
def rate_moves(state: State, size: int, game: int, out: Array) -> bool:
    """Write the regret of the four moves of one running game, see `regret`; tell whether any has a safe way to the food.

    Args:
        state: the games.
        size: side of the board.
        game: which one.
        out: (4,) float32.
    """
    cells = size * size
    length, food, free = state.table[game, LENGTH], state.table[game, MEAL], vacant(state, game)
    last = at_stamp(state, size, game, free + 1)
    last_but_one = at_stamp(state, size, game, free + 2) if length > 1 else i32(-1)
    badness = (4.0, 4.0, 4.0, 4.0)
    refresh(state, cells)
    for move in range(4):
        target = entered(state, size, game, move)
        if target < 0:
            continue
        eats = target == food
        moment, later = begin_search(state, cells), begin_search(state, cells)
        space = spread(state, size, game, moment, target, free if eats else free + 1, -1)
        tail = last if eats else (last_but_one if length > 1 else target)
        to_tail = reached(state, size, moment, tail)
        way = 0 if eats else distance_to(state, moment, cells, food)  # negative: cut off
        if eats and length + 1 == state.table[game, ROOM]:
            value = 0.0
        elif way >= 0 and (to_tail >= 0 if way == 0 else walk_is_safe(state, size, game, moment, later)):
            value = way / cells
        elif to_tail < 0 and space < length:
            value = 3.0 - space / cells
        elif to_tail < 0:
            value = 2.0
        else:  # stay alive by the longest way to the tail; ties go away from the food, which breaks most circles
            apart = manhattan(state, target, food) / (2 * cells)
            value = 2.0 - (to_tail + apart) / cells
        badness = replaced(badness, move, value)
    best = min(min(badness[0], badness[1]), min(badness[2], badness[3]))
    for move in range(4):
        out[move] = cost(badness[move], best, size)
    return best < 1.0


@inlined
def replaced(values: tuple[float, float, float, float], index: int, value: float) -> tuple[float, float, float, float]:
    """Return the four values with one replaced: kernels allocate nothing, so this tuple serves as a small list."""
    return (
        value if index == 0 else values[0],
        value if index == 1 else values[1],
        value if index == 2 else values[2],
        value if index == 3 else values[3],
    )


@kernel
def cost(badness: float, best: float, size: int) -> float:
    """Return the regret of a move with `badness` if the best move has `best`, both on the scale of `rate_moves`."""
    if badness == best:
        return 0.0
    if badness >= 4.0:
        return DEADLY
    if badness > 2.0:  # trapped; among traps only the room counts
        return TRAPPED if best <= 2.0 else DETOUR * min(1.0, badness - best)
    if badness == 2.0:
        return RISKY
    if badness >= 1.0 and best < 1.0:
        return ASTRAY
    return DETOUR * min(1.0, (badness - best) * size / 2)


@kernel
def rate_all(state: State, size: int, out: Array) -> None:
    """Fill `out`: (B, 4) float32, zeros, with the regret of every move of every running game."""
    for game in range(u64(state.keys.size)):
        if state.table[game, CAUSE] == RUNNING:
            rate_moves(state, size, game, out[game])


def regret(engine: SnakeEngine) -> NDArray[np.float32]:
    """Return how much worse than the best each move is: (B, 4) float32 in [0, 1], zeros for finished games.

    A move is judged by the position after it. A death costs 1. A way to the food is safe if the snake can reach its tail
    afterwards. A move with a safe way costs at most 0.2, in proportion to the detour. A move without one, while another has
    one, costs 0.3 if it keeps the tail in reach, 0.5 if it keeps at least as many free cells in reach as the snake is long,
    and 0.7 if neither. If no move has a safe way, the longest way to the tail is best. The best move of every position has
    0; if all moves are deaths, all have 0, since no choice would have helped.
    """
    out = np.zeros((engine.games, 4), np.float32)
    rate_all(engine.state, engine.size, out)
    return out

"""Flooding a game's board: breadth first over free cells.

A cell is free in a search if its stamp is at most a threshold. The threshold is the clock less the length for the snake as
it lies, and more for a snake that is imagined to have moved on.
"""

from __future__ import annotations

from typing import Final

from ouroloop.envs.kernels import inlined, kernel
from ouroloop.envs.snake.engine.state import CLOCK, LENGTH, MOMENT, State, beside, i32, spot, u64

WEAR: Final = 1 << 30
"""Searches mark cells with ever larger moments; beyond this one, `refresh` wipes the marks."""


@inlined
def vacant(state: State, game: int) -> int:
    """Return the highest stamp of a cell that is free as the snake lies."""
    return i32(state.table[game, CLOCK] - state.table[game, LENGTH])


@inlined
def refresh(state: State, cells: int) -> None:
    """Wipe the marks once in a billion searches; call it before the first search of a position, never between two of them."""
    if state.desk[MOMENT] > WEAR:
        for cell in range(cells + 1):
            state.mark[cell] = 0
        state.desk[MOMENT] = 1


@inlined
def begin_search(state: State, cells: int) -> int:
    """Return a moment later than every mark. A cell marked `moment + d`, 0 <= d <= cells, was reached at distance d.

    The next number, `moment + cells + 1`, marks a cell that the search must not enter.
    """
    moment = state.desk[MOMENT]
    state.desk[MOMENT] = moment + cells + 2
    return moment


@inlined
def distance_to(state: State, moment: int, cells: int, cell: int) -> int:
    """Return the distance at which the search of that moment reached a cell; -1 if it did not."""
    away = state.mark[u64(cell)] - moment
    return away if 0 <= away <= cells else -1


@kernel
def spread(state: State, size: int, game: int, moment: int, start: int, threshold: int, goal: int) -> int:
    """Flood the free cells that `start` reaches, nearest first, neighbours in the order up, down, left, right.

    Args:
        state: the games, whose `mark` and `queue` serve as scratch space.
        size: side of the board.
        game: whose board.
        moment: of `begin_search`; cells marked since then are not entered.
        start: a cell; whether it is free does not matter.
        threshold: the highest stamp of a free cell.
        goal: a cell that ends the flood when it is reached, or -1.

    Returns:
        How many free cells were reached, `start` not among them; `distance_to` tells how far each is.
    """
    stamps, near, mark, queue = state.stamps, state.near, state.mark, state.queue
    base, border, bar = spot(size, game, 0), i32(threshold), i32(moment)
    mark[u64(start)] = moment
    queue[u64(0)] = start
    first, end = u64(0), u64(1)
    while first < end:
        cell = u64(queue[first])
        first += u64(1)
        sides, away = near[cell], i32(mark[cell] + 1)
        for _ in range(4):
            other = sides & u64(0xFFFF)
            sides >>= u64(16)
            if i32(stamps[base + other]) <= border and mark[other] < bar:
                mark[other] = away
                if i32(other) == i32(goal):
                    return int(end)
                queue[end] = i32(other)
                end += u64(1)
    return int(end - u64(1))


@inlined
def flood(state: State, size: int, game: int, start: int, threshold: int, goal: int) -> tuple[int, int]:
    """Begin a search and flood; return its moment and the free cells reached, see `spread`."""
    moment = begin_search(state, size * size)
    return moment, spread(state, size, game, moment, start, threshold, goal)


@inlined
def reached(state: State, size: int, moment: int, target: int) -> int:
    """Return a search's distance to `target`, or to its nearest reached neighbour if not free, plus 1; -1 if cut off."""
    best = -1
    for move in range(4):
        away = distance_to(state, moment, size * size, beside(state, target, move))
        if away >= 0 and (best < 0 or away + 1 < best):
            best = away + 1
    return best


@inlined
def at_stamp(state: State, size: int, game: int, stamp: int) -> int:
    """Return the cell that holds a stamp, found by a scan of the board; -1 if none does."""
    base = spot(size, game, 0)
    for cell in range(u64(size * size)):
        if i32(state.stamps[base + cell]) == stamp:
            return i32(cell)
    return -1

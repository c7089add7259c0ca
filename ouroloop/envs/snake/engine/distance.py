"""Shortest distances from the head: read off a straight way if there is one, else searched 64 cells at a time."""

from __future__ import annotations

from typing import Final

import numpy as np

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.search import vacant
from ouroloop.envs.snake.engine.state import (
    AT,
    FREE,
    FRONTS,
    LENGTH,
    NOT_FIRST,
    NOT_LAST,
    ROOM,
    State,
    column_of,
    i32,
    manhattan,
    row_of,
    spot,
    u64,
)

LARGE: Final = 16
"""Above this side, writing down the free cells of a board costs more than looking at those between head and food."""
ALONG_COLUMN: Final = 1
ALONG_ROW: Final = 2


@inlined
def free_run(stamps: Array, base: int, cell: int, step: int, count: int, threshold: int) -> bool:
    """Tell whether the `count` cells that follow `cell` in steps of `step` are free."""
    border = i32(threshold)
    for _ in range(count):
        cell += step
        if i32(stamps[base + u64(cell)]) > border:
            return False
    return True


@inlined
def column_way(state: State, size: int, game: int, down: int, right: int) -> bool:
    """Tell whether the way from the head along its column, then with one turn along the goal's row, is free.

    Args:
        state: the games.
        size: side of the board.
        game: whose.
        down: rows from head to goal, negative upwards.
        right: columns from head to goal, negative to the left.
    """
    base, head, threshold = spot(size, game, 0), state.table[game, AT], vacant(state, game)
    dy, dx = (size if down > 0 else -size), (1 if right > 0 else -1)
    along = free_run(state.stamps, base, head, dy, abs(down), threshold)
    return along and free_run(state.stamps, base, head + size * down, dx, abs(right), threshold)


@inlined
def row_way(state: State, size: int, game: int, down: int, right: int) -> bool:
    """Tell whether the way from the head along its row, then with one turn along the goal's column, is free."""
    base, head, threshold = spot(size, game, 0), state.table[game, AT], vacant(state, game)
    dy, dx = (size if down > 0 else -size), (1 if right > 0 else -1)
    along = free_run(state.stamps, base, head, dx, abs(right), threshold)
    return along and free_run(state.stamps, base, head + right, dy, abs(down), threshold)


@inlined
def monotone_starts(state: State, size: int, game: int, down: int, right: int) -> int:
    """Return the first moves of ways from the head that never lead away from the goal: `ALONG_COLUMN` + `ALONG_ROW`, or 0.

    A dynamic program over the rectangle between head and goal, row by row. `state.queue` holds, for each of its columns, how
    the cell in the current row is reached.

    Args:
        state: the games.
        size: side of the board.
        game: whose.
        down: rows from head to goal, negative upwards.
        right: columns from head to goal, negative to the left.
    """
    reach, stamps, free = state.queue, state.stamps, vacant(state, game)
    base, row_start = spot(size, game, 0), state.table[game, AT]
    dy, dx = (size if down > 0 else -size), (1 if right > 0 else -1)
    rows, columns = abs(down), u64(abs(right))
    before, cell = i32(ALONG_ROW), row_start
    for column in range(u64(1), columns + u64(1)):
        cell += dx
        before = before if i32(stamps[base + u64(cell)]) <= free else i32(0)
        reach[column] = before
    reach[u64(0)] = ALONG_COLUMN
    for _ in range(rows):
        row_start += dy
        cell = row_start
        before = reach[u64(0)] if i32(stamps[base + u64(cell)]) <= free else i32(0)
        reach[u64(0)] = before
        for column in range(u64(1), columns + u64(1)):
            cell += dx
            before = i32(before | reach[column]) if i32(stamps[base + u64(cell)]) <= free else i32(0)
            reach[column] = before
    return reach[columns]


@inlined
def straight_starts(state: State, size: int, game: int, down: int, right: int) -> int:
    """Return what `monotone_starts` does, except that it may report only the start along the column when there are two."""
    if down == 0:
        return ALONG_ROW if row_way(state, size, game, down, right) else 0
    if column_way(state, size, game, down, right):
        return ALONG_COLUMN
    if right == 0:
        return 0
    return monotone_starts(state, size, game, down, right)


@inlined
def write_free(state: State, size: int, game: int) -> None:
    """Write the free cells as bits; see `state.bitboards`."""
    stamps, free = state.stamps, np.uint16(vacant(state, game))
    cells, place, word = u64(size * size), spot(size, game, 0), u64(size // 64 + 1)
    for first in range(u64(0), cells, u64(64)):
        packed = u64(0)
        for bit in range(min(u64(64), cells - first)):
            packed |= u64(stamps[place + first + bit] <= free) << bit
        state.bits[FREE, word] = packed
        word += u64(1)


@inlined
def widen(bits: Array, size: int, front: int, other: int, low: int, high: int) -> int:
    """Advance a search by bits by one step: fill `bits[other]` with the free neighbours of `bits[front]`.

    Those cells are no longer free afterwards, and `bits[front]` is emptied.

    Args:
        bits: `State.bits`.
        size: side of the board.
        front: the row that holds the cells reached last.
        other: the row for those reached next.
        low: first word to look at.
        high: last one.

    Returns:
        All words of `bits[other]` or-ed together: 0 at the end of the search.
    """
    words, turn, one = u64(size // 64), u64(size % 64), u64(1)
    back, found = u64(63) - turn, u64(0)  # the remaining shift by 1 is done apart, so that turn = 0 works too
    for word in range(low, high + one):
        here = bits[front, word]
        near = (here >> one | bits[front, word + one] << u64(63)) & bits[NOT_LAST, word]
        near |= (here << one | bits[front, word - one] >> u64(63)) & bits[NOT_FIRST, word]
        near |= bits[front, word + words] >> turn | bits[front, word + words + one] << one << back
        near |= bits[front, word - words] << turn | bits[front, word - words - one] >> one >> back
        near &= bits[FREE, word]
        bits[other, word] = near
        found |= near
    for word in range(low, high + one):
        bits[FREE, word] &= ~bits[other, word]
        bits[front, word] = u64(0)
    return found


@kernel
def way_by_bits(state: State, size: int, game: int, goal: int) -> int:
    """Return the shortest distance from the head to a free cell, -1 if it is cut off.

    A breadth-first search that takes 64 cells at a time.
    """
    bits, head, pad = state.bits, state.table[game, AT], u64(size // 64 + 1)
    last, reach = pad + u64((size * size - 1) // 64), u64((size + 63) // 64)
    write_free(state, size, game)
    for word in range(pad, last + u64(1)):
        bits[FRONTS, word], bits[FRONTS + 1, word] = u64(0), u64(0)
    low = high = pad + u64(head >> 6)
    bits[FRONTS, low] = u64(1) << u64(head & 63)
    goal_word, goal_bit = pad + u64(goal >> 6), u64(1) << u64(goal & 63)
    front, other, away = FRONTS, FRONTS + 1, 0
    while True:
        low, high, away = max(pad, low - reach), min(last, high + reach), away + 1
        found = widen(bits, size, front, other, low, high)
        front, other = other, front
        if bits[front, goal_word] & goal_bit:
            return away
        if found == u64(0):
            return -1
        while bits[front, low] == u64(0):  # skip the words before the front
            low += u64(1)
        while bits[front, high] == u64(0):
            high -= u64(1)


@inlined
def way_to(state: State, size: int, game: int, goal: int) -> int:
    """Return the shortest distance from the head to a free cell; -1 if it is cut off.

    Most foods can be reached by a way with one turn, which no other way beats. On large boards it pays to look for a way with
    more turns that never leads away from the food before searching the whole board.
    """
    head = state.table[game, AT]
    down, right = row_of(state, goal) - row_of(state, head), column_of(state, goal) - column_of(state, head)
    if column_way(state, size, game, down, right) or row_way(state, size, game, down, right):
        return abs(down) + abs(right)
    if size > LARGE and monotone_starts(state, size, game, down, right):
        return abs(down) + abs(right)
    return way_by_bits(state, size, game, goal)


@inlined
def food_distance(state: State, size: int, game: int, food: int) -> int:
    """Return the shortest way from head to food around the body as it lies; the Manhattan distance if the food is cut off."""
    away = way_to(state, size, game, food)
    return away if away >= 0 else manhattan(state, state.table[game, AT], food)


@inlined
def first_distance(state: State, size: int, game: int, food: int, side: int) -> int:
    """Return what `food_distance` does when a straight snake that faces `side` has just been laid.

    Without walls, only food straight behind the snake is farther than its Manhattan distance, by two steps around the body.
    """
    if state.table[game, ROOM] < size * size:
        return food_distance(state, size, game, food)
    head = state.table[game, AT]
    down, right = row_of(state, food) - row_of(state, head), column_of(state, food) - column_of(state, head)
    along, across = (down, right) if side < 2 else (right, down)
    behind = across == 0 and along * (1 - 2 * (side & 1)) > 0 and state.table[game, LENGTH] > 1
    return abs(down) + abs(right) + 2 * behind

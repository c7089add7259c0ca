"""A* with the path of `networkx.astar_path`, found hundreds of times as fast.

networkx keeps a queue ordered by (f, time of entry), f = distance so far + Manhattan distance to the food, and takes
neighbours in the order up, down, left, right. On a grid each step either keeps f or raises it by 2, so two
first-in-first-out lanes replace its heap. In most positions, some way from head to food never leads away from the food; then
not even the lanes are needed. All such ways are equally long, and the queue handles everything that began along the column
before everything that began along the row. The first move is therefore the one along the column if any such way begins with
it. A dynamic program over the rectangle between head and food decides that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, kernel
from ouroloop.envs.snake.engine.distance import ALONG_COLUMN, ALONG_ROW, straight_starts, way_to
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.search import begin_search, refresh, vacant
from ouroloop.envs.snake.engine.state import AT, CAUSE, MEAL, RUNNING, State, column_of, i32, row_of, spot, u64


@kernel
def astar(state: State, size: int, game: int, lanes: Array) -> tuple[int, int]:
    """Return the length of A*'s path from head to food and its first move; (-1, -1) if there is no path.

    Args:
        state: the games.
        size: side of the board.
        game: which one.
        lanes: (2, 4 * N) int64, scratch.
    """
    head, food = state.table[game, AT], state.table[game, MEAL]
    down, right = row_of(state, food) - row_of(state, head), column_of(state, food) - column_of(state, head)
    starts = straight_starts(state, size, game, down, right)
    if starts & ALONG_COLUMN:
        return abs(down) + abs(right), (1 if down > 0 else 0)
    if starts & ALONG_ROW:
        return abs(down) + abs(right), (3 if right > 0 else 2)
    return expand(state, size, game, lanes)


@kernel
def expand(state: State, size: int, game: int, lanes: Array) -> tuple[int, int]:
    """Return what `astar` returns, by A*'s own expansion.

    An entry of a lane is `distance << 32 | first move << 30 | column << 16 | cell`.
    """
    stamps, near, mark = state.stamps, state.near, state.mark
    cells, base, free = size * size, spot(size, game, 0), vacant(state, game)
    head, food = state.table[game, AT], state.table[game, MEAL]
    top, bottom, food_column = food // size * size, food // size * size + size, food % size
    refresh(state, cells)
    moment = begin_search(state, cells)
    mark[u64(head)] = moment
    lanes[0, 0] = (head % size) << 16 | head
    current, first, end, later = u64(0), u64(0), u64(1), u64(0)
    while first < end:
        entry = lanes[current, first]
        first += u64(1)
        cell, column, distance = entry & 0xFFFF, (entry >> 16) & 0x3FFF, entry >> 32
        if mark[u64(cell)] - moment == distance:  # if not, a shorter way was found after this entry was made
            sides, reaches = near[u64(cell)], i32(moment + distance + 1)
            for side in range(4):
                other = sides & u64(0xFFFF)
                sides >>= u64(16)
                known = mark[other]
                if i32(stamps[base + other]) > free or (known >= i32(moment) and known <= reaches):
                    continue
                mark[other] = reaches
                label = side if cell == head else (entry >> 30) & 3
                aside = column + (side == 3) - (side == 2)
                if side == 0:
                    nearer = cell >= bottom
                elif side == 1:
                    nearer = cell < top
                elif side == 2:
                    nearer = column > food_column
                else:
                    nearer = column < food_column
                new = (distance + 1) << 32 | label << 30 | aside << 16 | np.int64(other)
                if nearer:
                    if i32(other) == food:
                        return distance + 1, label
                    lanes[current, end] = new
                    end += u64(1)
                else:
                    lanes[u64(1) - current, later] = new
                    later += u64(1)
        if first == end:
            current, first, end, later = u64(1) - current, u64(0), later, u64(0)
    return -1, -1


@kernel
def astar_all(state: State, size: int, lanes: Array, lengths: Array, moves: Array) -> None:
    """Fill `lengths` and `moves`, both (B,), with A*'s answer for every running game."""
    for game in range(u64(state.keys.size)):
        if state.table[game, CAUSE] == RUNNING:
            lengths[game], moves[game] = astar(state, size, game, lanes)


@kernel
def distance_all(state: State, size: int, lengths: Array) -> None:
    """Fill `lengths`: (B,) with the shortest distance from head to food of every running game, -1 if it is cut off."""
    for game in range(u64(state.keys.size)):
        if state.table[game, CAUSE] == RUNNING:
            lengths[game] = way_to(state, size, game, state.table[game, MEAL])


def lanes_for(size: int) -> NDArray[np.int64]:
    """Return the scratch space of `astar`."""
    return np.empty((2, 4 * size * size), np.int64)


def shortest_paths(engine: SnakeEngine) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return A*'s path length (B,) int32 and first move (B,) int8 of each game; -1 if cut off or finished."""
    lengths = np.full(engine.games, -1, np.int32)
    moves = np.full(engine.games, -1, np.int8)
    astar_all(engine.state, engine.size, lanes_for(engine.size), lengths, moves)
    return lengths, moves


def shortest_distances(engine: SnakeEngine) -> NDArray[np.int32]:
    """Return the shortest distance from head to food of each game: (B,) int32; -1 if cut off or finished."""
    lengths = np.full(engine.games, -1, np.int32)
    distance_all(engine.state, engine.size, lengths)
    return lengths

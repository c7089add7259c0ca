"""The free cells of a position: their distances, which can be reached, and which ones hold the region together."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.search import at_stamp, distance_to, flood, reached, refresh, vacant
from ouroloop.envs.snake.engine.state import AT, LENGTH, MEAL, State, beside, i32, spot, u64

FROM: Final = {"head": AT, "food": MEAL}


@kernel
def fill_distances(state: State, size: int, column: int, out: Array) -> None:
    """Fill `out`: (B, N) int32, -1, with every free cell's distance from the cell that a column of the table names."""
    cells = size * size
    for game in range(u64(state.keys.size)):
        start = state.table[game, column]
        if start < 0:
            continue
        refresh(state, cells)
        moment, _ = flood(state, size, game, start, vacant(state, game), -1)
        for cell in range(cells):
            out[game, cell] = distance_to(state, moment, cells, cell)


@kernel
def fill_reach(state: State, size: int, space: Array, tail: Array) -> None:
    """Fill `space`: (B,) int32 with how many free cells heads reach, `tail`: (B,) bool with whether they reach tails."""
    for game in range(u64(state.keys.size)):
        free = vacant(state, game)
        refresh(state, size * size)
        moment, space[game] = flood(state, size, game, state.table[game, AT], free, -1)
        end = at_stamp(state, size, game, free + 1)
        tail[game] = state.table[game, LENGTH] == 1 or reached(state, size, moment, end) >= 0


@inlined
def is_free(state: State, size: int, game: int, cell: int) -> bool:
    """Tell whether a cell is free as the snake lies; N, off the board, is not."""
    return i32(state.stamps[spot(size, game, cell)]) <= vacant(state, game)


@kernel
def fill_joints(state: State, size: int, order: Array, low: Array, turn: Array, stack: Array, out: Array) -> None:
    """Fill `out`: (B, N) bool, False, with the articulation points of the free cells (Hopcroft and Tarjan 1973).

    A depth-first search without recursion. `order` and `low`, (N,) int32, are the moments of discovery and the earliest
    moment in reach; `turn`: (N,) int8, the sides of a cell looked at so far; `stack`: (N,) int32, the way down.
    """
    cells = size * size
    for game in range(u64(state.keys.size)):
        for cell in range(cells):
            order[cell] = 0
        moment = 0
        for root in range(cells):
            if order[root] > 0 or not is_free(state, size, game, root):
                continue
            moment += 1
            order[root], low[root], turn[root], stack[0] = moment, moment, 0, root
            depth, branches = 0, 0
            while depth >= 0:
                cell = stack[depth]
                if turn[cell] < 4:
                    other = beside(state, cell, turn[cell])
                    turn[cell] += 1
                    if not is_free(state, size, game, other):
                        continue
                    if order[other] == 0:
                        moment += 1
                        depth += 1
                        order[other], low[other], turn[other], stack[depth] = moment, moment, 0, i32(other)
                    elif depth == 0 or i32(other) != stack[depth - 1]:
                        low[cell] = min(low[cell], order[other])
                    continue
                depth -= 1
                if depth == 0:
                    branches += 1
                elif depth > 0 and low[cell] >= order[stack[depth]]:
                    out[game, stack[depth]] = True
                if depth >= 0:
                    low[stack[depth]] = min(low[stack[depth]], low[cell])
            out[game, root] = branches > 1


def distance_maps(engine: SnakeEngine, of: Literal["head", "food"] = "head") -> NDArray[np.int32]:
    """Return each free cell's shortest distance from head or food: (B, N) int32, -1 for cells not free or cut off.

    The cell from which distances count has 0, free or not.
    """
    out = np.full((engine.games, engine.size * engine.size), -1, np.int32)
    fill_distances(engine.state, engine.size, FROM[of], out)
    return out


def reach(engine: SnakeEngine) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return how many free cells each head can reach, (B,) int32, and whether it can reach the snake's tail, (B,) bool."""
    space, tail = np.zeros(engine.games, np.int32), np.zeros(engine.games, np.bool_)
    fill_reach(engine.state, engine.size, space, tail)
    return space, tail


def articulation_points(engine: SnakeEngine) -> NDArray[np.bool_]:
    """Return the free cells without which a region of free cells falls apart: (B, N) bool."""
    cells = engine.size * engine.size
    order, low, stack = (np.zeros(cells, np.int32) for _ in range(3))
    out = np.zeros((engine.games, cells), np.bool_)
    fill_joints(engine.state, engine.size, order, low, np.zeros(cells, np.int8), stack, out)
    return out

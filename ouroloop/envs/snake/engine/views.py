"""Views of a batch of games: boards, snakes in order, and both for chosen rows."""

from __future__ import annotations

import numpy as np

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.search import vacant
from ouroloop.envs.snake.engine.state import AT, CLOCK, FOOD, HEAD, MEAL, ROOM, STONE, WALL, State, i32, spot, u64


@inlined
def write_board(state: State, size: int, game: int, out: Array, start: int) -> None:
    """Write one game's board, N uint8 codes, to `out` from `start` on."""
    cells, base = u64(size * size), spot(size, game, 0)
    threshold = np.uint16(vacant(state, game))
    for cell in range(cells):
        out[start + cell] = state.stamps[base + cell] > threshold  # True is BODY
    if state.table[game, ROOM] < size * size:
        for cell in range(cells):
            if state.stamps[base + cell] == STONE:
                out[start + cell] = WALL
    out[start + u64(state.table[game, AT])] = HEAD
    if state.table[game, MEAL] >= 0:
        out[start + u64(state.table[game, MEAL])] = FOOD


@kernel
def write_boards(state: State, size: int, rows: Array, out: Array) -> None:
    """Fill `out`: (R * N,) uint8 with the boards of the games `rows`: (R,) int64."""
    for index in range(u64(rows.size)):
        write_board(state, size, u64(rows[index]), out, index * u64(size * size))


@kernel
def write_snakes(state: State, size: int, rows: Array, out: Array) -> None:
    """Fill `out`: (R * N,) int16, zeros, with the cells of the snakes of `rows`, head first."""
    for index in range(u64(rows.size)):
        game = u64(rows[index])
        write_snake(state, size, game, out, index * u64(size * size))


@inlined
def write_snake(state: State, size: int, game: int, out: Array, start: int) -> None:
    """Write one snake's cells, head first, to `out` from `start` on."""
    base, clock, threshold = spot(size, game, 0), state.table[game, CLOCK], vacant(state, game)
    for cell in range(size * size):
        stamp = i32(state.stamps[base + u64(cell)])
        if threshold < stamp <= clock:
            out[start + u64(clock - stamp)] = cell

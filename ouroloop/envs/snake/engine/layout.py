"""How a board begins: random walls that do not cut it in two, and a start for the snake."""

from __future__ import annotations

from typing import Final

from ouroloop.envs.kernels import inlined, kernel
from ouroloop.envs.snake.engine.state import (
    DRAWS,
    ROOM,
    START_LENGTH,
    STONE,
    WALLS,
    WHIM,
    State,
    beside,
    column_of,
    draw,
    i32,
    mix,
    row_of,
    spot,
    u64,
)

TRIES: Final = 32
"""Random tries before the exact scan: with one free cell in eight, one draw in seventy fails that often."""
SALT: Final = u64(0xA5A5F00D5EED1234)
"""Separates the random numbers that move a random player from those that place the game's food."""


@inlined
def is_wall(state: State, size: int, game: int, cell: int) -> bool:
    """Tell whether a cell is a wall; N, which stands for everything off the board, counts as one."""
    return state.stamps[spot(size, game, cell)] == STONE


@inlined
def is_open(state: State, size: int, game: int, row: int, column: int) -> bool:
    """Tell whether a place lies on the board and is not a wall."""
    inside = 0 <= row < size and 0 <= column < size
    return inside and not is_wall(state, size, game, row * size + column)


@kernel
def splits(state: State, size: int, game: int, cell: int) -> bool:
    """Tell whether a wall on `cell` could cut the free region in two, judging only by the eight cells around it.

    The region stays connected if the open sides of `cell` are joined by open corners (a simple point of digital topology).
    The test errs on the safe side: a wall that it allows never cuts the region, while some that it refuses would not either.
    """
    row, column = cell // size, cell % size
    sides, links = 0, 0
    dy, dx = -1, 0
    for _ in range(4):  # clockwise: a side, the corner after it, the next side
        if is_open(state, size, game, row + dy, column + dx):
            sides += 1
            corner = is_open(state, size, game, row + dy + dx, column + dx - dy)
            if corner and is_open(state, size, game, row + dx, column - dy):
                links += 1
        dy, dx = dx, -dy
    return sides == 0 or sides - links > 1


@kernel
def narrows(state: State, size: int, game: int, cell: int) -> bool:
    """Tell whether a wall on `cell` makes a free cell beside it a dead end, where food could not be eaten safely."""
    for side in range(4):
        other = beside(state, cell, side)
        if not is_wall(state, size, game, other):
            ways = 0
            for turn in range(4):
                beyond = beside(state, other, turn)
                ways += beyond != u64(cell) and not is_wall(state, size, game, beyond)
            if ways < 2:
                return True
    return False


@kernel
def place_walls(state: State, size: int, game: int, walls: int) -> None:
    """Lay at most `walls` random walls on an empty board, none of which splits the free region or makes a dead end."""
    cells, laid = size * size, 0
    for _ in range(8 * cells):
        if laid == walls:
            break
        cell = draw(state, game, cells)
        if is_wall(state, size, game, cell) or narrows(state, size, game, cell):
            continue
        if not splits(state, size, game, cell):
            state.stamps[spot(size, game, cell)] = STONE
            laid += 1
    state.table[game, ROOM] = cells - laid


@inlined
def fits(state: State, size: int, game: int, head: int, side: int) -> bool:
    """Tell whether a straight snake with this head, facing `side`, lies on free cells and can survive its first move."""
    length = state.desk[START_LENGTH]
    if state.table[game, ROOM] == size * size:  # without walls, the snake fits if its tail lies on the board
        along = row_of(state, head) if side < 2 else column_of(state, head)
        return 0 <= along + (length - 1) * (1 - 2 * (side & 1)) < size
    back = side ^ 1  # up and down, and left and right, differ in the last bit alone
    cell = u64(head)
    for _ in range(length):
        if is_wall(state, size, game, cell):
            return False
        cell = beside(state, cell, back) if cell < u64(size * size) else cell
    for move in range(4):  # noqa: SIM110 (numba compiles no generator expression)
        if (move != back or length < 2) and not is_wall(state, size, game, beside(state, head, move)):
            return True
    return False


@inlined
def find_start(state: State, size: int, game: int) -> int:
    """Return `4 * head + direction` of a start drawn uniformly from those that fit, or -1 if none does."""
    for _ in range(TRIES):
        guess = draw(state, game, 4 * size * size)
        if fits(state, size, game, guess >> 2, guess & 3):
            return guess
    return scan_starts(state, size, game)


@kernel
def scan_starts(state: State, size: int, game: int) -> int:
    """Return what `find_start` does, by looking at all places: for boards on which few of them fit."""
    places, count = 4 * size * size, 0
    for place in range(places):
        count += fits(state, size, game, place // 4, place % 4)
    if count == 0:
        return -1
    left = draw(state, game, count)
    for place in range(places):
        if fits(state, size, game, place // 4, place % 4):
            if left == 0:
                return place
            left -= 1
    return -1


@kernel
def wipe(state: State, size: int, game: int) -> None:
    """Make every cell fresh; walls that belong to the board stay, walls that are laid for each game go."""
    for cell in range(size * size):
        place = spot(size, game, cell)
        if state.stamps[place] != STONE or state.desk[WALLS] > 0:
            state.stamps[place] = 0


@inlined
def lay_out(state: State, size: int, game: int) -> int:
    """Lay random walls, if any, on a wiped board and return a start as `find_start` does.

    If no start fits between the walls, half as many are laid anew.
    """
    count, place = state.desk[WALLS], -1
    while place < 0:
        if state.desk[WALLS] > 0:
            wipe(state, size, game)
            place_walls(state, size, game, count)
        place = find_start(state, size, game)
        if place < 0 and count == 0:
            return -1
        count //= 2
    return place


@inlined
def use_key(state: State, game: int, key: int) -> None:
    """Give a game a seed; it draws from the seed's first number on."""
    state.keys[game] = key
    state.table[game, DRAWS] = 0
    state.table[game, WHIM] = i32(mix(u64(key) ^ SALT) >> u64(32))

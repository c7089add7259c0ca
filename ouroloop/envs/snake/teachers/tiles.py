"""One-way lanes on 2x2 tiles: the ground on which the strongest teacher drives.

Each tile has one-way lanes: a snake may turn only one way round in a tile (its *spin*), so every cell offers two moves: stay in
the tile or leave it. A snake that enters only new tiles, or tiles linked to its own, walks round a tree of tiles. The walk
round that tree is a Hamiltonian cycle of its tiles, and the snake lies on it in order, so it can go on for ever, whatever it
eats. The idea of 2x2 cells with one-way roads is that of twanvl/snake's cell agents (van Laarhoven 2020).

Terms. A cell *clears* at the step at which the head may enter it. A tile is *vacated* when its last body cell clears. A body is
*orderly* if it obeys the lanes and the tree. *Trust* is the share (in sixteenths) of the arrival time credited to clearing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from ouroloop.envs.kernels import Array, kernel
from ouroloop.envs.snake.engine.state import DOWN, LEFT, RIGHT, UP, neighbours

FAR: Final = 1 << 28
ROOT: Final = -2
CLOSED: Final = -3
STEP: Final = 8
"""Cost of a move while roaming."""


class Tables(NamedTuple):
    """Tables that depend on the size alone."""

    near: Array  # (4 * cells): the neighbour in the direction of each move, -1 off the board
    stay: Array  # (2 * cells): for each spin, the next cell on the lane within the tile
    leave: Array  # (2 * cells): for each spin, the next cell on the lane out of the tile, -1 off the board
    tile: Array  # (cells): the tile of each cell


class Body(NamedTuple):
    """A snake laid out on the board."""

    clears: Array  # (cells): the step at which the cell may be entered; 0: free
    vacated: Array  # (tiles): the latest `clears` in the tile; 0: new
    parent: Array  # (tiles): the tile from which the tile was first entered; ROOT at the tail


class Search(NamedTuple):
    """A shortest-path search with a bucket of cells for each cost."""

    cost: Array  # (cells)
    time: Array  # (cells): steps on the cheapest way
    origin: Array  # (cells): the previous cell on that way
    fresh: Array  # (cells): 1 if that way lies in a tile new to the snake
    bucket: Array  # for each cost its latest entry, 0: none
    below: Array  # for each entry the next one in its bucket
    entry: Array  # for each entry its cell


class Scratch(NamedTuple):
    """Room for `choose`; allocate it once per size and thread."""

    now: Body
    later: Body
    way: Search
    flood: Search
    snake: Array  # the snake, head first
    future: Array  # the snake after some moves
    walls: Array  # (cells): FAR for a wall, else 0
    rating: Array  # (4,) float32, the oracle's


@lru_cache(maxsize=16)
def make_tables(size: int) -> Tables:
    """Lay the lanes: spin 0 turns anticlockwise in each tile, spin 1 clockwise. On odd boards the last tiles are cut."""
    cells = size * size
    near = neighbours(size)
    stay, leave = np.full(2 * cells, -1, np.int32), np.full(2 * cells, -1, np.int32)
    tile = np.zeros(cells, np.int32)
    inside = (((DOWN, LEFT), (RIGHT, UP)), ((RIGHT, DOWN), (UP, LEFT)))
    outside = (((LEFT, UP), (DOWN, RIGHT)), ((UP, RIGHT), (LEFT, DOWN)))
    for cell in range(cells):
        row, column = divmod(cell, size)
        tile[cell] = row // 2 * ((size + 1) // 2) + column // 2
        for spin in range(2):
            stay[spin * cells + cell] = near[4 * cell + inside[spin][row % 2][column % 2]]
            leave[spin * cells + cell] = near[4 * cell + outside[spin][row % 2][column % 2]]
    return Tables(near, stay, leave, tile)


def make_scratch(size: int) -> Scratch:
    """Allocate everything that `choose` needs."""
    cells = size * size

    def room(count: int) -> Array:
        return np.zeros(count, np.int32)

    def body() -> Body:
        return Body(room(cells), room(cells), room(cells))

    def search() -> Search:
        many = room(4 * cells + 4)
        return Search(room(cells), room(cells), room(cells), room(cells), room(12 * cells + 64), many, many.copy())

    return Scratch(body(), body(), search(), search(), room(cells + 2), room(cells + 2), room(cells), np.zeros(4, np.float32))


@kernel
def lay(cells: int, tables: Tables, walls: Array, snake: Array, length: int, body: Body) -> None:
    """Lay out the snake from its tail: clearing times (never, for a wall), vacating times and the tree of its tiles."""
    for cell in range(cells):
        body.clears[cell] = walls[cell]
        body.vacated[cell >> 2] = 0
    before = ROOT
    for index in range(length - 1, -1, -1):
        cell = snake[index]
        tile = tables.tile[cell]
        body.clears[cell] = length - index
        if body.vacated[tile] == 0:
            body.parent[tile] = before
        body.vacated[tile] = length - index
        before = tile
    if length == 2:  # a snake of two must not turn on the spot
        body.clears[snake[1]] = 2


@kernel
def linked(body: Body, a: int, b: int) -> bool:
    """Tell whether two tiles are neighbours in the snake's tree."""
    return body.parent[a] == b or body.parent[b] == a


@kernel
def begin_way(cells: int, search: Search, start: int) -> None:
    """Begin a search: every cell but the start is far away."""
    for cell in range(cells):
        search.cost[cell] = FAR
    search.cost[start], search.time[start], search.origin[start], search.fresh[start] = 0, 0, -1, 0
    search.bucket[0], search.below[1], search.entry[1] = 1, 0, start


@kernel
def push(search: Search, used: int, top: int, origin: int, cell: int, cost: int, time: int) -> int:
    """Record a cheaper way to a cell; return the highest bucket in use."""
    search.cost[cell], search.time[cell], search.origin[cell] = cost, time, origin
    while top < cost:
        top += 1
        search.bucket[top] = 0
    search.below[used], search.entry[used] = search.bucket[cost], cell
    search.bucket[cost] = used
    return top


@kernel
def drive(
    cells: int,
    tables: Tables,
    spin: int,
    start: int,
    goal: int,
    stay: int,
    enter: int,
    link: int,
    trust: int,
    body: Body,
    search: Search,
) -> bool:
    """Search along the lanes and the tree from `start` for `goal` (-1: everywhere) and tell whether it was found."""
    begin_way(cells, search, start)
    used, top, cost = 2, 0, 0
    while cost <= top:
        taken = search.bucket[cost]
        if taken == 0:
            cost += 1
            continue
        search.bucket[cost] = search.below[taken]
        cell = search.entry[taken]
        if search.cost[cell] != cost:
            continue
        if cell == goal:
            return True
        time = search.time[cell] + 1
        credit = (trust * time) >> 4
        ahead = tables.stay[spin * cells + cell]
        price = cost + stay
        if credit >= body.clears[ahead] and price < search.cost[ahead]:
            top = push(search, used, top, cell, ahead, price, time)
            search.fresh[ahead] = search.fresh[cell]
            used += 1
        ahead = tables.leave[spin * cells + cell]
        if ahead >= 0 and credit >= body.clears[ahead]:
            tile = tables.tile[ahead]
            new = credit >= body.vacated[tile]
            price = cost + (enter if new else link)
            if price < search.cost[ahead] and (new or (search.fresh[cell] == 0 and linked(body, tables.tile[cell], tile))):
                top = push(search, used, top, cell, ahead, price, time)
                search.fresh[ahead] = 1 if new else 0
                used += 1
    return False


@kernel
def roam(
    cells: int, tables: Tables, spin: int, start: int, goal: int, against: int, slack: int, body: Body, search: Search
) -> int:
    """Search in all directions for `goal`, or, if that is -1, for a body cell that has cleared; return it, or -1 if none.

    A snake that enters its own track `slack` steps after it cleared can follow it for ever, and grow by `slack` on the way.
    """
    begin_way(cells, search, start)
    used, top, cost = 2, 0, 0
    while cost <= top:
        taken = search.bucket[cost]
        if taken == 0:
            cost += 1
            continue
        search.bucket[cost] = search.below[taken]
        cell = search.entry[taken]
        if search.cost[cell] != cost:
            continue
        if cell == goal or (goal < 0 and cell != start and body.clears[cell] > 0):
            return cell
        time = search.time[cell] + 1
        for move in range(4):
            ahead = tables.near[4 * cell + move]
            if ahead < 0 or (body.clears[ahead] > 0 and time < body.clears[ahead] + slack):
                continue
            price = cost + STEP
            if tables.stay[spin * cells + cell] != ahead and tables.leave[spin * cells + cell] != ahead:
                price += against
            if price < search.cost[ahead]:
                top = push(search, used, top, cell, ahead, price, time)
                used += 1
    return -1


@kernel
def follow(search: Search, goal: int, snake: Array, count: int, future: Array) -> None:
    """Write the first `count` cells of the snake after it has gone the found way to `goal`."""
    index, cell = 0, goal
    while cell >= 0 and index < count:
        future[index] = cell
        index += 1
        cell = search.origin[cell]
    for older in range(1, count - index + 1):
        future[index] = snake[older]
        index += 1


@kernel
def first_step(search: Search, goal: int) -> int:
    """Return the first cell on the way found to `goal`."""
    cell, before = goal, search.origin[goal]
    while search.origin[before] >= 0:
        cell, before = before, search.origin[before]
    return cell


@kernel
def move_to(tables: Tables, head: int, cell: int) -> int:
    """Return the move that leads from the head to a neighbour."""
    for move in range(4):
        if tables.near[4 * head + move] == cell:
            return move
    return -1


@kernel
def find_spin(cells: int, tables: Tables, snake: Array, length: int) -> int:
    """Return the spin whose lanes the newest step obeys; each step obeys exactly one."""
    if length < 2 or tables.stay[snake[1]] == snake[0] or tables.leave[snake[1]] == snake[0]:
        return 0
    return 1


@kernel
def keep_orderly(cells: int, tables: Tables, spin: int, snake: Array, length: int, body: Body) -> int:
    """Return how many cells from the head on are orderly; the tiles of the others become closed and lose their links.

    Call it after `lay`; it replaces that function's `parent` by the tree of the orderly part alone.
    """
    parent, start = body.parent, length - 1
    for index in range(length):
        parent[tables.tile[snake[index]]] = CLOSED
    parent[tables.tile[snake[start]]] = ROOT
    for index in range(length - 2, -1, -1):
        behind, cell = snake[index + 1], snake[index]
        old, new = tables.tile[behind], tables.tile[cell]
        if tables.stay[spin * cells + behind] == cell:
            continue
        if tables.leave[spin * cells + behind] == cell:
            if parent[new] == CLOSED:
                parent[new] = old
                continue
            if parent[old] == new:
                continue
        for older in range(index + 1, start + 1):
            parent[tables.tile[snake[older]]] = CLOSED
        parent[new], start = ROOT, index
    return start + 1

"""The strongest teacher: it roams while the snake is short, then drives along one-way lanes round a tree of 2x2 tiles.

Roaming takes the shortest way to the food that leaves a way out. A way out is a way on which the snake enters its own track
after that has cleared; it can then follow the track for ever. From `SHORT` of the board on, the snake drives (see `tiles`): to
the food, or first to a free cell that the meal would cut off, so that the free cells stay together. On odd boards and among
walls, where no cycle exists, it plays the oracle's move, and a hungry snake takes ways that open as its body moves on. The
move depends only on the position.
"""

from __future__ import annotations

from typing import Final

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.rules import allowance
from ouroloop.envs.snake.engine.state import CLOCK, FED, LENGTH, MEAL, ROOM, STONE, State, spot, u64
from ouroloop.envs.snake.engine.views import write_snake
from ouroloop.envs.snake.oracle.regret import rate_moves
from ouroloop.envs.snake.teachers.tiles import (
    FAR,
    Scratch,
    Tables,
    drive,
    find_spin,
    first_step,
    follow,
    keep_orderly,
    lay,
    linked,
    move_to,
    roam,
)

STAY: Final = 8
ENTER: Final = 8
LINK: Final = 3
"""Cost of a move that stays in its tile, enters a new tile, or goes along a link of the tree."""
FULL_TRUST: Final = 16
FLOOD_TRUST: Final = 10
SHORT: Final = 0.30
SHORT_SIDES: Final = 4
"""The snake roams while it covers less than this share of the board, and less than this many sides of it."""
AGAINST: Final = 1
"""Extra cost of a move against the lanes while roaming."""
SLACK: Final = 3
"""Spare steps that the way out must have after a meal: food may appear on it and make the snake grow."""
STEP_SLACK: Final = 2
"""Spare steps for each step on the way to the food."""
CAREFUL: Final = 4
"""Spare steps that single steps try for first if there is no such way."""


@kernel
def has_way_out(cells: int, tables: Tables, spin: int, snake: Array, length: int, slack: int, scratch: Scratch) -> bool:
    """Tell whether this snake can enter its own track with `slack` spare steps."""
    if length < 3:
        return True
    lay(cells, tables, scratch.walls, snake, length, scratch.later)
    return roam(cells, tables, spin, snake[0], -1, 0, slack, scratch.later, scratch.flood) >= 0


@kernel
def step_is_safe(
    cells: int, tables: Tables, spin: int, snake: Array, length: int, food: int, cell: int, slack: int, scratch: Scratch
) -> bool:
    """Tell whether there is a way out after one step to `cell`."""
    future = scratch.future
    count = length + 1 if cell == food else length
    future[0] = cell
    for index in range(1, count):
        future[index] = snake[index - 1]
    return has_way_out(cells, tables, spin, future, count, slack, scratch)


@kernel
def safest_move(
    cells: int, tables: Tables, spin: int, snake: Array, length: int, food: int, wanted: int, scratch: Scratch
) -> int:
    """Return a move with a way out: among those with the most slack the wanted one; else one along the lanes, else any."""
    head, best = snake[0], -1
    for slack in range(CAREFUL, -1, -1):
        rank = 0
        for move in range(4):
            cell = tables.near[4 * head + move]
            if cell >= 0 and scratch.now.clears[cell] <= 1:
                along = cell == tables.stay[spin * cells + head] or cell == tables.leave[spin * cells + head]
                value = 3 if move == wanted else 2 if along else 1
                if value > rank and step_is_safe(cells, tables, spin, snake, length, food, cell, slack, scratch):
                    rank, best = value, move
        if best >= 0:
            return best
    return wanted


@kernel
def roaming_move(cells: int, tables: Tables, spin: int, snake: Array, length: int, food: int, scratch: Scratch) -> int:
    """Return the short snake's move: along the shortest way to the food that leaves a way out, else the safest move."""
    way, future = scratch.way, scratch.future
    if roam(cells, tables, spin, snake[0], food, AGAINST, 0, scratch.now, way) >= 0:
        follow(way, food, snake, length + 1, future)
        if has_way_out(cells, tables, spin, future, length + 1, SLACK, scratch):
            cell = first_step(way, food)
            if cell == food or step_is_safe(cells, tables, spin, snake, length, food, cell, STEP_SLACK, scratch):
                return move_to(tables, snake[0], cell)
    return safest_move(cells, tables, spin, snake, length, food, -1, scratch)


@kernel
def driving_cell(
    cells: int, tables: Tables, spin: int, snake: Array, length: int, food: int, detours: bool, scratch: Scratch
) -> int:
    """Return the next cell on the way to the food, or to a free cell that the meal would cut off; -1 if there is no way.

    `FLOOD_TRUST` decides which cells count as cut off: those that the snake could reach after the meal only through body that
    does not clear early enough. Visiting such cells on the way keeps the free cells together.
    """
    now, later, way, flood, future = scratch.now, scratch.later, scratch.way, scratch.flood, scratch.future
    if not drive(cells, tables, spin, snake[0], food, STAY, ENTER, LINK, FULL_TRUST, now, way):
        return -1
    target = food
    if detours:
        follow(way, food, snake, length + 1, future)
        lay(cells, tables, scratch.walls, future, length + 1, later)
        drive(cells, tables, spin, food, -1, 1, 1, 1, FLOOD_TRUST, later, flood)
        nearest = FAR
        for cell in range(cells):
            if later.clears[cell] == 0 and flood.cost[cell] == FAR and way.cost[cell] < nearest:
                nearest, target = way.cost[cell], cell
    if target == snake[0]:
        target = food
    return first_step(way, target)


@kernel
def driving_move(
    cells: int, tables: Tables, spin: int, length: int, food: int, hunger: int, orderly: bool, scratch: Scratch
) -> int:
    """Return the move of a snake that drives, or must become orderly before it may; -1 if every move is a death."""
    now, snake = scratch.now, scratch.snake
    head = snake[0]
    stay, leave = tables.stay[spin * cells + head], tables.leave[spin * cells + head]
    here, link = tables.tile[head], False
    if now.clears[stay] > 1:
        stay = -1
    if leave >= 0:
        link = now.vacated[tables.tile[leave]] > 1
        if now.clears[leave] > 1 or (link and not linked(now, here, tables.tile[leave])):
            leave = -1
    cell = leave if stay < 0 else stay
    if stay >= 0 and leave >= 0:
        cell = driving_cell(cells, tables, spin, snake, length, food, 2 * hunger < cells, scratch)
        if cell < 0:
            cell = leave if link else stay
    move = move_to(tables, head, cell) if cell >= 0 else -1
    if orderly:
        return move
    return safest_move(cells, tables, spin, snake, length, food, move, scratch)


@kernel
def last_resort(state: State, size: int, game: int, tables: Tables, scratch: Scratch) -> int:
    """Return a starving snake's move to the food, -1 if there is none that it may risk yet.

    A way that the body blocks as it lies may open as the body moves on. It is taken if it leaves a way out, or, when there is
    only just time for it, regardless of what follows.
    """
    cells, snake, way, future = size * size, scratch.snake, scratch.way, scratch.future
    length, food, hunger = state.table[game, LENGTH], state.table[game, MEAL], hunger_of(state, game)
    spin = find_spin(cells, tables, snake, length)
    if roam(cells, tables, spin, snake[0], food, 0, 0, scratch.now, way) < 0:
        return -1
    cell = first_step(way, food)
    if hunger + way.time[food] < allowance(state, size, game) - 1:
        follow(way, food, snake, length + 1, future)
        if not has_way_out(cells, tables, spin, future, length + 1, 0, scratch):
            return -1
        if cell != food and not step_is_safe(cells, tables, spin, snake, length, food, cell, 0, scratch):
            return -1
    return move_to(tables, snake[0], cell)


@kernel
def careful_move(state: State, size: int, game: int, tables: Tables, scratch: Scratch) -> int:
    """Return the oracle's move, which is safe on every board; or `last_resort` if a hungry snake sees no way to the food."""
    safe = rate_moves(state, size, game, scratch.rating)
    if not safe and hunger_of(state, game) > size * size:
        move = last_resort(state, size, game, tables, scratch)
        if move >= 0:
            return move
    return int(scratch.rating.argmin())


@inlined
def hunger_of(state: State, game: int) -> int:
    """Return the steps since the last meal."""
    return state.table[game, CLOCK] - state.table[game, FED]


@kernel
def best_move(state: State, size: int, game: int, tables: Tables, scratch: Scratch) -> int:
    """Return the move of a running game; an arbitrary one if every move is a death.

    Args:
        state: the games.
        size: side of the board.
        game: which one.
        tables: `make_tables(size)`.
        scratch: `make_scratch(size)`.
    """
    cells, length, food = size * size, state.table[game, LENGTH], state.table[game, MEAL]
    write_snake(state, size, game, scratch.snake, u64(0))
    walled = state.table[game, ROOM] < cells
    for cell in range(cells):
        scratch.walls[cell] = FAR if walled and state.stamps[spot(size, game, cell)] == STONE else 0
    lay(cells, tables, scratch.walls, scratch.snake, length, scratch.now)
    hunger = hunger_of(state, game)
    spin = find_spin(cells, tables, scratch.snake, length)
    short = length < min(SHORT * cells, SHORT_SIDES * size)
    orderly = keep_orderly(cells, tables, spin, scratch.snake, length, scratch.now) == length
    if walled or size % 2 or (2 * hunger > cells and (short or not orderly)):
        return careful_move(state, size, game, tables, scratch)
    if short:
        return max(0, roaming_move(cells, tables, spin, scratch.snake, length, food, scratch))
    return max(0, driving_move(cells, tables, spin, length, food, hunger, orderly, scratch))

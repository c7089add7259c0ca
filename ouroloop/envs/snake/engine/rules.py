"""The rules of Snake, in one place: how a game begins, advances and ends.

A straight snake starts anywhere it fits. The tail moves in the same instant as the head, so the head may enter the cell that
the tail leaves. A move back into the neck is a death, as is any other move into the body. A game ends on a wall or the border,
on the body, on a full board, or after `size * size + length` steps without food (or as many as the settings allow). The course
of a game depends only on its seed and its moves.
"""

from __future__ import annotations

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.distance import first_distance, food_distance
from ouroloop.envs.snake.engine.layout import TRIES, lay_out, use_key, wipe
from ouroloop.envs.snake.engine.search import vacant
from ouroloop.envs.snake.engine.state import (
    AT,
    BORN,
    CAUSE,
    CLOCK,
    CLUSTER,
    DEADLINE,
    END,
    FED,
    HIT_BODY,
    HIT_WALL,
    IDLE_LIMIT,
    LENGTH,
    MEAL,
    PENDING,
    ROOM,
    RUNNING,
    SPAN,
    START_LENGTH,
    STARVED,
    STONE,
    TRAVEL,
    WALLS,
    WEYL,
    WON,
    State,
    beside,
    draw,
    i32,
    manhattan,
    mix,
    spot,
    u64,
)


@inlined
def free_cell(state: State, size: int, game: int) -> int:
    """Return a free cell, each equally likely."""
    cells, threshold = size * size, vacant(state, game)
    if 8 * (state.table[game, ROOM] - state.table[game, LENGTH]) >= cells:
        for _ in range(TRIES):
            guess = draw(state, game, cells)
            if i32(state.stamps[spot(size, game, guess)]) <= threshold:
                return guess
    return scan_free(state, size, game)


@kernel
def scan_free(state: State, size: int, game: int) -> int:
    """Return what `free_cell` does, by looking at all cells: for boards on which few are free."""
    cells, threshold = size * size, vacant(state, game)
    left = draw(state, game, state.table[game, ROOM] - state.table[game, LENGTH])
    for cell in range(cells):
        if state.stamps[spot(size, game, cell)] <= threshold:
            if left == 0:
                return cell
            left -= 1
    return -1


@inlined
def place_food(state: State, size: int, game: int) -> int:
    """Put food on a free cell, and return it.

    Every free cell is equally likely. With clustered food, a few cells are drawn so, and the one nearest the last meal wins.
    """
    cell, last = free_cell(state, size, game), state.table[game, AT]
    for _ in range(state.desk[CLUSTER] - 1):
        other = free_cell(state, size, game)
        if manhattan(state, other, last) < manhattan(state, cell, last):
            cell = other
    state.table[game, MEAL] = cell
    return cell


@inlined
def allowance(state: State, size: int, game: int) -> int:
    """Return how many steps a game allows without food."""
    limit = state.desk[IDLE_LIMIT]
    return limit if limit > 0 else size * size + state.table[game, LENGTH]


@inlined
def lengthen(state: State, size: int, game: int, length: int) -> None:
    """Set the length and what follows from it: which cells may be entered, and when the game starves.

    The tail's cell may be entered, since the tail leaves it; but a snake of two may not turn on the spot.
    """
    state.table[game, LENGTH] = length
    state.table[game, SPAN] = length - (length != 2)
    state.table[game, DEADLINE] = min(END, state.table[game, FED] + allowance(state, size, game))


@inlined
def begin(state: State, size: int, game: int) -> bool:
    """Begin a game with the draws that are left of its key; tell whether the snake found room.

    Snakes of earlier games on the same board vanish, because the clock continues from where they ended.
    """
    table, length = state.table, state.desk[START_LENGTH]
    clock = table[game, CLOCK] + length
    if clock > END // 2 or state.desk[WALLS] > 0:
        wipe(state, size, game)
        clock = length
    place = lay_out(state, size, game)
    if place < 0:
        return False
    cell, back = u64(place // 4), (place % 4) ^ 1
    table[game, AT] = i32(cell)
    for index in range(length):
        state.stamps[spot(size, game, cell)] = clock - index
        if index < length - 1:
            cell = beside(state, cell, back)
    table[game, CLOCK], table[game, FED], table[game, BORN] = clock, clock, clock
    table[game, CAUSE], table[game, TRAVEL] = RUNNING, 0
    lengthen(state, size, game, length)
    table[game, PENDING] = first_distance(state, size, game, place_food(state, size, game), place % 4)
    return True


@kernel
def begin_all(state: State, size: int) -> bool:
    """Begin every game of a freshly allocated state; tell whether there was room in all of them."""
    room = True
    for game in range(u64(state.keys.size)):
        use_key(state, game, state.keys[game])
        room = begin(state, size, game) and room
    return room


@kernel
def swallow(state: State, size: int, game: int) -> None:
    """Count the food that the head has just entered, and place the next one unless the board is full."""
    table = state.table
    table[game, FED] = table[game, CLOCK]
    table[game, TRAVEL] += table[game, PENDING]
    lengthen(state, size, game, table[game, LENGTH] + 1)
    if table[game, LENGTH] == table[game, ROOM]:
        table[game, CAUSE] = WON
        table[game, MEAL] = -1
    else:
        table[game, PENDING] = food_distance(state, size, game, place_food(state, size, game))


@kernel
def fall_due(state: State, size: int, game: int) -> None:
    """Do what is due at the deadline: end a starved game, or set the clock back so that stamps never overflow.

    Cells that the head entered in the last `2 * size * size` moves keep their order; older cells become fresh.
    """
    table = state.table
    clock = table[game, CLOCK]
    if clock - table[game, FED] >= allowance(state, size, game):
        table[game, CAUSE] = STARVED
        return
    back = clock - 2 * size * size
    for cell in range(size * size):
        place = spot(size, game, cell)
        stamp = i32(state.stamps[place])
        if stamp != STONE:
            state.stamps[place] = max(0, stamp - back)
    table[game, CLOCK] -= back
    table[game, FED] -= back
    table[game, BORN] -= back
    lengthen(state, size, game, table[game, LENGTH])


@inlined
def advance(state: State, size: int, game: int, action: int) -> bool:
    """Advance one running game by one move; tell whether it goes on. A snake that dies stays as it lay before the move."""
    table = state.table
    target = beside(state, table[game, AT], action)
    place = spot(size, game, target)
    stamp, clock = i32(state.stamps[place]), table[game, CLOCK] + 1
    if stamp + table[game, SPAN] >= clock:
        table[game, CAUSE] = HIT_WALL if stamp == STONE else HIT_BODY
        return False
    state.stamps[place] = clock
    table[game, CLOCK] = clock
    table[game, AT] = i32(target)
    if i32(target) == table[game, MEAL]:
        swallow(state, size, game)
        return table[game, CAUSE] == RUNNING
    if clock >= table[game, DEADLINE]:
        fall_due(state, size, game)
        return table[game, CAUSE] == RUNNING
    return True


@inlined
def steps_made(state: State, game: int) -> int:
    """Return how many moves a game has had, including a deadly last one."""
    cause = state.table[game, CAUSE]
    return state.table[game, CLOCK] - state.table[game, BORN] + (HIT_WALL <= cause <= HIT_BODY)


@inlined
def note(state: State, game: int, out: Array, row: int) -> None:
    """Write how a game ended, or how it stands, to a row of `out`: score, steps, travel, highest score possible, cause."""
    table, start = state.table, state.desk[START_LENGTH]
    out[row, 0] = table[game, LENGTH] - start
    out[row, 1] = steps_made(state, game)
    out[row, 2] = table[game, TRAVEL]
    out[row, 3] = table[game, ROOM] - start
    out[row, 4] = table[game, CAUSE]


@inlined
def begin_again(state: State, size: int, game: int, key: int) -> None:
    """Begin a new game, with its own seed, in place of a finished one."""
    use_key(state, game, key)
    begin(state, size, game)


@inlined
def next_key(key: int) -> int:
    """Return the seed of the game that follows a finished one in the same place."""
    return mix(u64(key) + WEYL)


@kernel
def take_up(state: State, size: int) -> None:
    """Complete games whose snakes and foods were laid by hand: the cells that may be entered, the deadline, the distance."""
    for game in range(u64(state.keys.size)):
        use_key(state, game, state.keys[game])
        lengthen(state, size, game, state.table[game, LENGTH])
        state.table[game, PENDING] = food_distance(state, size, game, state.table[game, MEAL])


@kernel
def first_invalid(state: State, actions: Array) -> int:
    """Return the first running game whose action is not 0..3, or -1."""
    for game in range(actions.size):
        if state.table[game, CAUSE] == RUNNING and not 0 <= actions[game] < 4:
            return game
    return -1


@kernel
def step(state: State, size: int, actions: Array) -> int:
    """Advance every running game by actions: (B,) integers. Return -1; or, if one is invalid, its game, and move none."""
    invalid = first_invalid(state, actions)
    if invalid < 0:
        for game in range(u64(actions.size)):
            if state.table[game, CAUSE] == RUNNING:
                advance(state, size, game, actions[game])
    return invalid

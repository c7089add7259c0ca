"""The rules of Snake, once: how a game begins, advances and ends.

A snake of length 3 starts anywhere it fits. The tail moves in the same instant as the head, so the cell that it leaves may be
entered; a move back into the neck is a death like any other cell of the body. A game ends on a wall or the border, on the
body, on a full board, or after `size * size + length` steps without food. The course of a game depends on its own seed
and moves alone.
"""

from __future__ import annotations

from ouroboros.envs.search import flood, manhattan
from ouroboros.envs.state import (
    AT,
    BODY,
    CAUSE,
    EMPTY,
    FOOD,
    HEAD,
    HIT_BODY,
    HIT_WALL,
    IDLE,
    LENGTH,
    MEAL,
    PENDING,
    ROOM,
    RUNNING,
    SCORE,
    START_LENGTH,
    STARVED,
    STEPS,
    TRAVEL,
    WALL,
    WON,
    Array,
    State,
    draw,
    kernel,
)

TRIES = 32
"""Rejection samples before the exact scan: at one free cell in eight, one draw in seventy gets that far."""


@kernel
def place_food(state: State, size: int, game: int) -> None:
    """Put food on a free cell, each equally likely, and note its shortest distance from the head."""
    board, table = state.board, state.table
    cells = size * size
    offset = game * cells
    free = table[game, ROOM] - table[game, LENGTH]
    cell = -1
    if 8 * free >= cells:
        for _ in range(TRIES):
            guess = draw(state, game, cells)
            if board[offset + guess] == EMPTY:
                cell = guess
                break
    if cell < 0:
        left = draw(state, game, free)
        for index in range(cells):
            if board[offset + index] == EMPTY:
                if left == 0:
                    cell = index
                    break
                left -= 1
    board[offset + cell] = FOOD
    table[game, MEAL] = cell
    head = int(state.ring[offset + table[game, AT]])
    stamp, _ = flood(state, board, offset, head, cell)
    reachable = state.mark[cell] >= stamp
    table[game, PENDING] = state.mark[cell] - stamp if reachable else manhattan(size, head, cell)


@kernel
def is_open(size: int, board: Array, offset: int, row: int, column: int) -> bool:
    """Tell whether a place lies on the board and is no wall."""
    inside = 0 <= row < size and 0 <= column < size
    return inside and board[offset + row * size + column] != WALL


@kernel
def splits(size: int, board: Array, offset: int, cell: int) -> bool:
    """Tell whether a wall on `cell` could cut the free region in two, judged by the eight cells around it alone.

    The region stays connected if the open sides of `cell` are joined by open corners (a simple point of digital topology).
    What this test allows is always harmless; some of what it refuses would be too.
    """
    row, column = cell // size, cell % size
    sides, links = 0, 0
    dy, dx = -1, 0
    for _ in range(4):  # clockwise: a side, the corner after it, the next side
        if is_open(size, board, offset, row + dy, column + dx):
            sides += 1
            corner = is_open(size, board, offset, row + dy + dx, column + dx - dy)
            if corner and is_open(size, board, offset, row + dx, column - dy):
                links += 1
        dy, dx = dx, -dy
    return sides == 0 or sides - links > 1


@kernel
def narrows(state: State, offset: int, cell: int) -> bool:
    """Tell whether a wall on `cell` makes a dead end of a free cell beside it: food there could not be eaten safely."""
    board, near = state.board, state.near
    for side in range(4):
        other = near[4 * cell + side]
        if other >= 0 and board[offset + other] != WALL:
            ways = 0
            for turn in range(4):
                beyond = near[4 * other + turn]
                ways += beyond >= 0 and beyond != cell and board[offset + beyond] != WALL
            if ways < 2:
                return True
    return False


@kernel
def place_walls(state: State, size: int, game: int, walls: int) -> None:
    """Lay at most `walls` walls on an empty board, at random, none that splits the free region or narrows it to a dead end."""
    cells = size * size
    offset = game * cells
    laid = 0
    for _ in range(8 * cells):
        if laid == walls:
            break
        cell = draw(state, game, cells)
        if state.board[offset + cell] == WALL or narrows(state, offset, cell):
            continue
        if not splits(size, state.board, offset, cell):
            state.board[offset + cell] = WALL
            laid += 1
    state.table[game, ROOM] = cells - laid


@kernel
def fits(state: State, game: int, head: int, side: int) -> bool:
    """Tell whether a snake with this head, facing `side`, lies on free cells and has a move that it survives."""
    board, near = state.board, state.near
    offset = game * (near.size // 4)
    back = side ^ 1  # up and down, left and right are pairs that differ in the last bit
    neck = near[4 * head + back]
    tail = near[4 * neck + back] if neck >= 0 else -1
    if tail < 0 or board[offset + head] == WALL or board[offset + neck] == WALL or board[offset + tail] == WALL:
        return False
    for move in range(4):
        ahead = near[4 * head + move]
        if move != back and ahead >= 0 and board[offset + ahead] != WALL:
            return True
    return False


@kernel
def find_start(state: State, size: int, game: int) -> int:
    """Return `4 * head + direction` of a start drawn uniformly from those that fit, or -1 if none does."""
    places = 4 * size * size
    for _ in range(TRIES):
        guess = draw(state, game, places)
        if fits(state, game, guess // 4, guess % 4):
            return guess
    count = 0
    for place in range(places):
        count += fits(state, game, place // 4, place % 4)
    if count == 0:
        return -1
    left = draw(state, game, count)
    for place in range(places):
        if fits(state, game, place // 4, place % 4):
            if left == 0:
                return place
            left -= 1
    return -1


@kernel
def begin(state: State, size: int, walls: int) -> None:
    """Begin every game of a freshly allocated state; where no start fits between the walls, half as many are laid anew."""
    cells = size * size
    for game in range(state.keys.size):
        offset = game * cells
        count, place = walls, -1
        while place < 0:
            state.board[offset : offset + cells] = EMPTY
            place_walls(state, size, game, count)
            place = find_start(state, size, game)
            count //= 2
        cell, back = place // 4, (place % 4) ^ 1
        for index in range(START_LENGTH):
            state.ring[offset + index] = cell
            state.board[offset + cell] = BODY if index else HEAD
            cell = state.near[4 * cell + back]
        state.table[game, LENGTH] = START_LENGTH
        state.table[game, CAUSE] = RUNNING
        place_food(state, size, game)


@kernel
def advance(state: State, size: int, game: int, action: int) -> None:
    """Advance one running game by one move. A snake that dies lies as it lay before the move."""
    board, ring, table = state.board, state.ring, state.table
    cells = size * size
    offset = game * cells
    at, length = table[game, AT], table[game, LENGTH]
    head = int(ring[offset + at])
    target = int(state.near[4 * head + action])
    table[game, STEPS] += 1
    table[game, IDLE] += 1
    if target < 0 or board[offset + target] == WALL:
        table[game, CAUSE] = HIT_WALL
        return
    tail = int(ring[offset + (at + length - 1) % cells])
    if board[offset + target] == BODY and target != tail:
        table[game, CAUSE] = HIT_BODY
        return
    ate = target == table[game, MEAL]
    if not ate:
        board[offset + tail] = EMPTY
    at = (at + cells - 1) % cells
    table[game, AT] = at
    ring[offset + at] = target
    board[offset + head] = BODY
    board[offset + target] = HEAD
    if ate:
        swallow(state, size, game)
    elif table[game, IDLE] >= cells + length:
        table[game, CAUSE] = STARVED


@kernel
def swallow(state: State, size: int, game: int) -> None:
    """Count the food that the head has just entered, and place the next one unless the board is full."""
    table = state.table
    table[game, SCORE] += 1
    table[game, LENGTH] += 1
    table[game, IDLE] = 0
    table[game, TRAVEL] += table[game, PENDING]
    if table[game, LENGTH] == table[game, ROOM]:
        table[game, CAUSE] = WON
        table[game, MEAL] = -1
    else:
        place_food(state, size, game)


@kernel
def first_invalid(state: State, actions: Array) -> int:
    """Return the first running game whose action is not 0..3, or -1."""
    for game in range(actions.size):
        if state.table[game, CAUSE] == RUNNING and not 0 <= actions[game] < 4:
            return game
    return -1


@kernel
def step(state: State, size: int, actions: Array) -> int:
    """Advance every running game by actions: (B,) int64. Return -1, or, having done nothing, the first invalid game."""
    invalid = first_invalid(state, actions)
    if invalid < 0:
        for game in range(actions.size):
            if state.table[game, CAUSE] == RUNNING:
                advance(state, size, game, actions[game])
    return invalid

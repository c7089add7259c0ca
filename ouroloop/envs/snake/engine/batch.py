"""The batch call: one compiled call moves every game, begins new games for those that ended, and copies the boards out.

Its arguments are the arrays of `State` one by one, because numba unpacks a named tuple's fields anew in every call, which
costs as much as moving fifty snakes.
"""

from __future__ import annotations

from typing import Final

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.rules import advance, begin_again, next_key, note, steps_made
from ouroloop.envs.snake.engine.state import CAUSE, HIT_BODY, LENGTH, ROOM, RUNNING, START_LENGTH, TRAVEL, State, u64
from ouroloop.envs.snake.engine.views import write_board

NEXT_STEP: Final = 0
SAME_STEP: Final = 1
DISABLED: Final = 2
"""Autoreset modes, as Gymnasium means them."""
GOES_ON: Final = 0
TERMINATED: Final = 1
TRUNCATED: Final = 2
"""Entries of `ended`; a game whose last move is also its last permitted one is both terminated and truncated, 3."""


BLOCK: Final = u64(64)
"""Games that are moved before their boards are written, so that their stamps are still in the nearest cache."""


@inlined
def move_block(
    state: State,
    size: int,
    first: int,
    last: int,
    mode: int,
    most_steps: int,
    actions: Array,
    rewards: Array,
    ended: Array,
    finals: Array,
) -> int:
    """Move the games from `first` up to `last`, as `step_batch` describes; return how many ended."""
    table, keys, count = state.table, state.keys, 0
    for game in range(first, last):
        if ended[game] != GOES_ON and mode != SAME_STEP:
            rewards[game] = 0
            if mode == NEXT_STEP:
                begin_again(state, size, game, next_key(keys[game]))
                ended[game] = GOES_ON
            continue
        ended[game] = GOES_ON
        length = table[game, LENGTH]
        runs = advance(state, size, game, actions[game])
        rewards[game] = table[game, LENGTH] - length
        cut_off = most_steps > 0 and steps_made(state, game) >= most_steps
        if not runs or cut_off:
            count += 1
            ended[game] = (GOES_ON if runs else TERMINATED) | (TRUNCATED if cut_off else GOES_ON)
            note(state, game, finals, game)
            if 0 <= table[game, CAUSE] <= HIT_BODY:
                rewards[game] = -1
    return count


@kernel
def step_batch(
    stamps: Array,
    table: Array,
    keys: Array,
    near: Array,
    place: Array,
    desk: Array,
    mark: Array,
    queue: Array,
    bits: Array,
    size: int,
    mode: int,
    most_steps: int,
    actions: Array,
    boards: Array,
    last_boards: Array,
    rewards: Array,
    ended: Array,
    finals: Array,
) -> int:
    """Move every game once.

    Args:
        stamps: this and the next eight are the fields of `State`.
        table: see `State`.
        keys: see `State`.
        near: see `State`.
        place: see `State`.
        desk: see `State`.
        mark: see `State`.
        queue: see `State`.
        bits: see `State`.
        size: side of the board.
        mode: `NEXT_STEP`: a game that ended before begins anew, its action ignored; `SAME_STEP`: it begins anew at once;
            `DISABLED`: it stays as it is.
        most_steps: a game is cut off after this many moves; 0 for never.
        actions: (B,) integers in 0..3; the caller must rule out others.
        boards: (B, N) uint8, filled with the boards after the move.
        last_boards: (B, N) uint8, in mode `SAME_STEP` filled with the last boards of the games that end.
        rewards: (B,) float32: 1 for a food, -1 for a death by wall or body, else 0.
        ended: (B,) int8 from the call before, overwritten with `GOES_ON`, or `TERMINATED`, `TRUNCATED` or both.
        finals: (B, 5) int32, filled as by `rules.note` for the games that end.

    Returns:
        How many games this move ended.
    """
    state = State(stamps, table, keys, near, place, desk, mark, queue, bits)
    games, count = u64(keys.size), 0
    for first in range(u64(0), games, BLOCK):
        last = min(games, first + BLOCK)
        ends = move_block(state, size, first, last, mode, most_steps, actions, rewards, ended, finals)
        if mode == SAME_STEP and ends > 0:
            for game in range(first, last):
                if ended[game] != GOES_ON:
                    write_board(state, size, game, last_boards[game], u64(0))
                    begin_again(state, size, game, next_key(keys[game]))
        for game in range(first, last):  # a loop of its own: a wide load right after a narrow store to one line would stall
            write_board(state, size, game, boards[game], u64(0))
        count += ends
    return count


@kernel
def restart(state: State, size: int, keys: Array, ended: Array) -> None:
    """Begin a new game, with its key of `keys`: (B,) uint64, for every game that `ended`: (B,) int8 marks, and clear it."""
    for game in range(u64(ended.size)):
        if ended[game] != GOES_ON:
            begin_again(state, size, game, keys[game])
            ended[game] = GOES_ON


@kernel
def step_one(
    stamps: Array,
    table: Array,
    keys: Array,
    near: Array,
    place: Array,
    desk: Array,
    mark: Array,
    queue: Array,
    bits: Array,
    size: int,
    action: int,
    board: Array,
) -> tuple[float, int, int, int, int, int]:
    """Move the one game of a state if it is running, and write its board: (size, size) uint8.

    Returns:
        Reward as in `step_batch`, and what `rules.note` writes: score, steps, travel, highest score possible, cause.
    """
    state, game, reward = State(stamps, table, keys, near, place, desk, mark, queue, bits), u64(0), 0.0
    length, start = table[game, LENGTH], desk[START_LENGTH]
    if table[game, CAUSE] == RUNNING:
        runs = advance(state, size, game, action)
        died = not runs and table[game, CAUSE] <= HIT_BODY
        reward = -1.0 if died else float(table[game, LENGTH] - length)
    write_board(state, size, game, board.reshape(board.size), u64(0))
    score, most = table[game, LENGTH] - start, table[game, ROOM] - start
    return reward, score, steps_made(state, game), table[game, TRAVEL], most, table[game, CAUSE]


@kernel
def begin_one(
    stamps: Array,
    table: Array,
    keys: Array,
    near: Array,
    place: Array,
    desk: Array,
    mark: Array,
    queue: Array,
    bits: Array,
    size: int,
    follow: bool,
    board: Array,
) -> None:
    """Begin a new game in place of a state's only one, and write its board: (size, size) uint8.

    Its key is the state's; with `follow`, it is the key that comes after that of the game before.
    """
    state, game = State(stamps, table, keys, near, place, desk, mark, queue, bits), u64(0)
    begin_again(state, size, game, next_key(keys[game]) if follow else keys[game])
    write_board(state, size, game, board.reshape(board.size), u64(0))

"""Positions of a teacher's games, as arrays: equally many for every length of the snake, each with all equally good moves.

A snake passes through each length once. A reservoir (Vitter 1985, algorithm R) of a few positions per game and length
therefore gives short and long snakes the same share. In a plain record of the games, some lengths would crowd out others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, inlined, kernel
from ouroloop.envs.snake.engine.distance import way_to
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.rules import advance, begin_again, steps_made
from ouroloop.envs.snake.engine.settings import PLAIN, Settings
from ouroloop.envs.snake.engine.state import (
    CAUSE,
    CLOCK,
    FED,
    LENGTH,
    MEAL,
    RUNNING,
    START_LENGTH,
    STARVED,
    WEYL,
    WON,
    State,
    mix,
    u64,
)
from ouroloop.envs.snake.engine.views import write_board, write_snake
from ouroloop.envs.snake.oracle.regret import ASTRAY, rate_moves
from ouroloop.envs.snake.teachers.teach import Aids, equal_moves, make_aids, teacher_code, teacher_move

GAME: Final = 0
STEP: Final = 1
SNAKE_LENGTH: Final = 2
FOOD_CELL: Final = 3
IDLE: Final = 4
MOVE: Final = 5
GOOD: Final = 6
CUT_OFF: Final = 7
FIELDS: Final = 8
"""Columns of `Positions.table`."""

PLAYED: Final = 0  # games played
SHORT: Final = 1  # games dropped because they were too short
STARVED_GAMES: Final = 2  # games that went in circles until they starved
STEPS: Final = 3  # moves of the games kept; the entries below count the same games
SCORE: Final = 4
WINS: Final = 5
NO_PATH: Final = 6  # moves without a path to the food
MOVES: Final = 7  # moves up, down, left, right: four entries
STATISTICS: Final = 11

SALT: Final = u64(0x5A17ED0F0DD5EED5)


@dataclass(frozen=True, slots=True)
class Positions:
    """P positions of a teacher's games.

    Args:
        table: (P, FIELDS) int32: the game, counted from 0 over all games asked for; the step in it; the snake's length;
            the food's cell; steps since the last meal; the teacher's move; all moves as good as that, bit 0 for up to
            bit 3 for right; whether there is no path to the food.
        cells: (C,) int16, the snakes' cells, head first, one snake after the other.
        boards: (P, N) uint8, or (0, N) if no cell can be a wall.
        statistics: (STATISTICS,) int64, see the constants.
    """

    table: NDArray[np.int32]
    cells: NDArray[np.int16]
    boards: NDArray[np.uint8]
    statistics: NDArray[np.int64]


@inlined
def chance(state: State, game: int, count: int, bound: int) -> int:
    """Return the `count`-th random integer below `bound` that a game's record uses; the game itself draws others."""
    return np.int64(((mix((state.keys[game] ^ SALT) + u64(count) * WEYL) >> u64(32)) * u64(bound)) >> u64(32))  # type: ignore[return-value]


@kernel
def stray(state: State, size: int, game: int, choice: int, count: int, rating: Array) -> int:
    """Return a safe move other than the teacher's, each equally likely; the teacher's if there is none."""
    rate_moves(state, size, game, rating)
    others = 0
    for move in range(4):
        others += move != choice and rating[move] <= ASTRAY
    if others == 0:
        return choice
    left = chance(state, game, count, others)
    for move in range(4):
        if move != choice and rating[move] <= ASTRAY:
            if left == 0:
                return move
            left -= 1
    return choice


@inlined
def keep_position(state: State, size: int, game: int, table: Array, row: int, cells: Array, start: int) -> None:
    """Write a position to a row of `table`, and its snake to `cells` from `start` on."""
    table[row, STEP], table[row, SNAKE_LENGTH] = steps_made(state, game), state.table[game, LENGTH]
    table[row, FOOD_CELL], table[row, IDLE] = state.table[game, MEAL], state.table[game, CLOCK] - state.table[game, FED]
    write_snake(state, size, game, cells, u64(start))


@inlined
def count_game(state: State, game: int, steps: int, no_path: int, tally: tuple[int, int, int, int], statistics: Array) -> None:
    """Add a finished game that is kept to the statistics."""
    statistics[STARVED_GAMES] += state.table[game, CAUSE] == STARVED
    statistics[STEPS] += steps
    statistics[SCORE] += state.table[game, LENGTH] - state.desk[START_LENGTH]
    statistics[WINS] += state.table[game, CAUSE] == WON
    statistics[NO_PATH] += no_path
    for move in range(4):
        statistics[MOVES + move] += tally[move]


@kernel
def record_games(
    state: State,
    size: int,
    teacher: int,
    aids: Aids,
    keys: Array,
    first: int,
    per_length: int,
    noise: float,
    least_steps: int,
    table: Array,
    cells: Array,
    boards: Array,
    statistics: Array,
) -> tuple[int, int]:
    """Let a teacher play a game per key and record positions; see `record`.

    One loop over the moves of a game, whose parts share a dozen counters: that is why it is long.

    Args:
        state: one game.
        size: side of the board.
        teacher: number of one of `TEACHERS`.
        aids: the teacher's aids.
        keys: (G,) uint64.
        first: number of the first game.
        per_length: positions kept per game and length.
        noise: share of the moves played that are a random other safe move.
        least_steps: shorter games are dropped.
        table: (G * per_length * lengths, FIELDS) int32.
        cells: int16, with room for all their snakes.
        boards: (as many rows as `table`, or 0, N) uint8.
        statistics: (STATISTICS,) int64; the counts are added to it.

    Returns:
        How many positions and cells were written.
    """
    game, rows, used, threshold = u64(0), 0, 0, np.int64(noise * 4294967296.0)
    for index in range(keys.size):
        begin_again(state, size, game, keys[index])
        row, cell, before, cells_before = rows, used, rows, used
        seen, count, no_path, length = 0, 0, 0, state.table[game, LENGTH]
        tally = (0, 0, 0, 0)
        while state.table[game, CAUSE] == RUNNING:
            if state.table[game, LENGTH] != length:
                kept = min(seen, per_length)
                row, cell, seen = row + kept, cell + kept * length, 0
                length = state.table[game, LENGTH]
            choice = teacher_move(state, size, game, teacher, aids)
            cut_off = way_to(state, size, game, state.table[game, MEAL]) < 0
            no_path += cut_off
            slot = seen
            if seen >= per_length:
                slot = chance(state, game, count, seen + 1)
                count += 1
            seen += 1
            if slot < per_length:
                keep_position(state, size, game, table, row + slot, cells, cell + slot * length)
                table[row + slot, GAME], table[row + slot, MOVE], table[row + slot, CUT_OFF] = first + index, choice, cut_off
                table[row + slot, GOOD] = equal_moves(state, size, game, teacher, choice, aids)
                if boards.shape[0] > 0:
                    write_board(state, size, game, boards[row + slot], u64(0))
            if threshold > 0:
                count += 2
                if chance(state, game, count, 1 << 32) < threshold:
                    choice = stray(state, size, game, choice, count + 1, aids.rating)
            tally = (tally[0] + (choice == 0), tally[1] + (choice == 1), tally[2] + (choice == 2), tally[3] + (choice == 3))
            advance(state, size, game, choice)
        steps, starved = steps_made(state, game), state.table[game, CAUSE] == STARVED
        statistics[PLAYED] += 1
        if steps < least_steps:
            rows, used = before, cells_before
            statistics[SHORT] += 1
            continue
        kept = 0 if starved else min(seen, per_length)
        rows, used = row + kept, cell + kept * length
        count_game(state, game, steps, no_path, tally, statistics)
    return rows, used


def record(
    teacher: str,
    seeds: NDArray[np.uint64],
    size: int,
    settings: Settings = PLAIN,
    *,
    first: int = 0,
    per_length: int = 8,
    noise: float = 0.0,
    least_steps: int = 10,
) -> Positions:
    """Return positions of a teacher's games, one game per seed, recorded in this thread.

    Args:
        teacher: its name.
        seeds: (G,) uint64.
        size: side of the board.
        settings: of the games.
        first: number of the first game.
        per_length: positions kept per game and length of the snake, drawn evenly from those that the game has.
        noise: share of the moves played that are a random other safe move, so that positions vary; the labels stay the
            teacher's.
        least_steps: games that end sooner are dropped. Of a game that starves, only the part before its last meal is kept.

    Raises:
        UsageError: there is no such teacher.
    """
    code, cells = teacher_code(teacher), size * size
    most = len(seeds) * per_length * (cells - settings.start_length)
    walled = settings.walls > 0 or settings.wall_map is not None
    table, snakes = np.empty((most, FIELDS), np.int32), np.empty(most * (cells + settings.start_length) // 2 + cells, np.int16)
    boards, statistics = np.empty((most if walled else 0, cells), np.uint8), np.zeros(STATISTICS, np.int64)
    rows = used = 0
    if len(seeds):
        state = SnakeEngine(seeds[:1], size, settings).state
        how = (first, per_length, noise, least_steps)
        rows, used = record_games(state, size, code, make_aids(size), seeds, *how, table, snakes, boards, statistics)
    return Positions(table[:rows].copy(), snakes[:used].copy(), boards[:rows].copy(), statistics)

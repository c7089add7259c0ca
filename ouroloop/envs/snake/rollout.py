"""Whole games of a teacher, compiled, for the evaluator and the data generator."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, kernel
from ouroloop.envs.snake.engine.games import SnakeEngine, outcomes_of
from ouroloop.envs.snake.engine.rules import advance, begin_again, next_key, note
from ouroloop.envs.snake.engine.settings import PLAIN, Settings
from ouroloop.envs.snake.engine.state import CAUSE, RUNNING, WEYL, State, mix, u64
from ouroloop.envs.snake.teachers.teach import Aids, make_aids, random_move, teacher_code, teacher_move
from ouroloop.protocols.records import Outcomes

LANES: Final = 4
"""How many random games take turns."""
SHARE: Final = 64
"""How many games one thread takes at a time."""


@kernel
def wander(state: State, size: int, moves: int) -> int:
    """Let every running game make `moves` random legal moves; a new game begins when one ends. Return the games begun.

    A few games move in turn before the next few do. The processor works on one game while it waits for another's memory, and
    their boards stay in its nearest cache.
    """
    games, begun = u64(state.keys.size), 0
    for first in range(u64(0), games, u64(LANES)):
        last = min(games, first + u64(LANES))
        for _ in range(moves):
            for game in range(first, last):
                if not advance(state, size, game, random_move(state, size, game)):
                    begin_again(state, size, game, next_key(state.keys[game]))
                    begun += 1
    return begun


@kernel
def play_taught(state: State, size: int, teacher: int, aids: Aids, keys: Array, stray: int, salt: int, out: Array) -> None:
    """Let a teacher that sometimes makes a random legal move play one game per key to its end.

    Args:
        state: one game, in whose place all games are played.
        size: side of the board.
        teacher: number of one of `TEACHERS`.
        aids: the teacher's aids.
        keys: (G,) uint64.
        stray: chance of a random move, in units of 2**-32; 0 for none.
        salt: another salt makes the random moves of the same game happen at other moments.
        out: (G, 5) int32, see `note`.
    """
    game = u64(0)
    for row in range(keys.size):
        begin_again(state, size, game, keys[row])
        moves, luck = u64(0), keys[row] ^ u64(salt)
        while state.table[game, CAUSE] == RUNNING:
            moves += u64(1)
            astray = stray > 0 and mix(luck + moves * WEYL) >> u64(32) < u64(stray)
            move = random_move(state, size, game) if astray else teacher_move(state, size, game, teacher, aids)
            advance(state, size, game, move)
        note(state, game, out, row)


def rollout_rows(
    teacher: str, seeds: NDArray[np.uint64], size: int, settings: Settings, noise: float = 0.0, salt: int = 0
) -> NDArray[np.int32]:
    """Return what `note` writes about each game: (G, 5) int32, played in this thread."""
    out = np.zeros((len(seeds), 5), np.int32)
    if len(seeds):
        place, stray = SnakeEngine(seeds[:1], size, settings), round(noise * 2**32)
        play_taught(place.state, size, teacher_code(teacher), make_aids(size), seeds, stray, u64(salt), out)
    return out


def rollout(
    teacher: str,
    seeds: NDArray[np.uint64],
    size: int,
    settings: Settings = PLAIN,
    *,
    noise: float = 0.0,
    salt: int = 0,
    workers: int | None = None,
) -> Outcomes:
    """Let a teacher play one game per seed to its end, compiled, on several threads.

    Args:
        teacher: its name, `random` among them.
        seeds: (G,) uint64.
        size: side of the board.
        settings: of the games.
        noise: chance of a random legal move instead of the teacher's, in [0, 1]; it makes players of any strength.
        salt: players with the same noise and different salts make their random moves at different moments.
        workers: threads, by default one per processor; the outcomes do not depend on it.

    Returns:
        The outcomes in the order of the seeds.

    Raises:
        UsageError: there is no such teacher.
    """
    keys = np.ascontiguousarray(seeds, dtype=np.uint64)
    teacher_code(teacher)
    parts = [keys[start : start + SHARE] for start in range(0, len(keys), SHARE)] or [keys]
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        rows = np.concatenate(list(pool.map(lambda part: rollout_rows(teacher, part, size, settings, noise, salt), parts)))
    score, steps, travel, most, cause = np.ascontiguousarray(rows.T)
    return outcomes_of(score, steps, travel, most, cause)

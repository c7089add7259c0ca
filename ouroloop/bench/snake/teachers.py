"""`ouroloop bench teachers`: how well each teacher plays, on plain, odd and walled boards, and what a move costs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake.engine.settings import Settings
from ouroloop.envs.snake.rollout import rollout
from ouroloop.envs.snake.teachers.teach import TEACHERS
from ouroloop.protocols.seeds import game_seeds

GAMES: Final = 1000
BUDGET: Final = 3_000_000_000
"""Moves times cells that one row may play, so that large boards get fewer games."""
PUBLISHED: Final = {"8": 491, "10": 1034, "12": 1923}
"""Mean steps of the best published player known to us, twanvl/snake `cell-variant`, to fill the board from length 1."""
ROWS: Final = (
    *((teacher, 10, 3, 0.0) for teacher in TEACHERS),
    *(("best", size, 1, 0.0) for size in (6, 8, 10, 12, 14, 20, 30)),
    *(("best", size, 3, 0.0) for size in (5, 7, 9, 15, 64)),
    *(("best", size, 3, walls) for walls in (0.1, 0.2) for size in (6, 7, 8, 10, 12, 16, 32, 64)),
)
"""Teacher, board, start length, share of walls."""
STEPS_PER_CELL: Final = {"random": 1.5, "astar": 2.5}
"""Moves per cell of teachers whose games are short; the others need about `size ** 2 * size` moves."""


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document; the arguments that only other benchmarks use are ignored.

    Args:
        peers: unused.
        count: unused.
        seconds: unused.
        report: called with the progress.
    """
    rows = []
    for index, (teacher, size, start, walls) in enumerate(ROWS):
        report(f"{teacher} on {size} x {size}" + (f", walls {walls}" if walls else ""), index / len(ROWS))
        rows.append(row(teacher, size, start, walls))
    return {
        "rows": rows,
        "published": {"twanvl/snake cell-variant, steps to fill from length 1": PUBLISHED},
        "machine": machine(),
    }


def row(teacher: str, size: int, start: int, walls: float) -> dict[str, Any]:
    """Return how a teacher plays on one kind of board."""
    cells = size * size
    moves = STEPS_PER_CELL.get(teacher, size) * cells
    games = int(max(2, min(GAMES, BUDGET / (moves * cells))))
    seeds = np.array(game_seeds(0, "bank", 0, games), np.uint64)
    rollout(teacher, seeds[:1], 6, Settings(walls, start_length=start))  # compile first
    started = time.perf_counter(), time.process_time()
    end = rollout(teacher, seeds, size, Settings(walls, start_length=start))
    wall, used = time.perf_counter() - started[0], time.process_time() - started[1]
    steps = end.steps[end.won].mean() if end.won.any() else None
    return {
        "teacher": teacher,
        "size": size,
        "start_length": start,
        "walls": walls,
        "games": games,
        "score": {"mean": significant(float(end.score.mean())), "error": significant(float(end.score.std() / games**0.5), 2)},
        "win_rate": significant(float(end.won.mean())),
        "steps_to_win": None if steps is None else significant(float(steps)),
        "steps_to_win_error": None if steps is None else significant(float(end.steps[end.won].std() / end.won.sum() ** 0.5), 2),
        "steps_mean": significant(float(end.steps.mean())),
        "path_optimality": significant(float(end.path_optimality.mean()), 3),
        "utility": significant(float(end.utility.mean())),
        "us_per_move": significant(used / float(end.steps.sum()) * 1e6, 3),
        "seconds": significant(wall, 3),
    }

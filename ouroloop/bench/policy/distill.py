"""Distillation in numbers: size, score and speed of a teacher policy and of students made from it, stage by stage.

Everything is trained here, on one thread, on a 6x6 board and from the same seed. The teacher and one student of the small shape
are trained by supervised fine-tuning alone; the same small shape then goes through the stages of `policy.distill`, each
continuing from the one before. Scores are those of the policies alone, playing the highest logit, on the same games.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.policy.students import SEED, SIZE, Trained, train_all
from ouroloop.bench.timing import Report, cpu_share, machine, rounds, significant
from ouroloop.envs.intervals import score_interval
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.play import play
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.snake_gpt import WEIGHTS, threads
from ouroloop.protocols.seeds import game_seeds

GAMES: Final = 200
POSITIONS: Final = 2000
"""Positions in which students' moves are compared with the teacher's."""
BATCH: Final = 256
"""Positions per call when decisions are timed."""
SECONDS: Final = 0.2


def measure(report: Report) -> dict[str, Any]:
    """Return the table; see the module.

    Args:
        report: called with the progress.
    """
    threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        policies = train_all(Path(scratch), report)
        report("playing", 0.9)
        return compare(policies) | {"machine": machine()}


def compare(policies: list[Trained]) -> dict[str, Any]:
    """Return the rows of trained policies; the first is the teacher."""
    task = SnakeTask(SIZE)
    players = [LocalPolicy(policy.folder) for policy in policies]
    bank = task.positions(SEED, POSITIONS).observations()
    batch = bank.take(np.arange(BATCH) % len(bank))
    cases = {policy.name: timed(player, batch) for policy, player in zip(policies, players, strict=True)}
    speeds = rounds(cases, 3, SECONDS)
    moves = [player.logits(bank).argmax(axis=1) for player in players]
    rows = []
    for policy, player, made in zip(policies, players, moves, strict=True):
        outcomes = play(task, player, np.array(game_seeds(SEED, "watch", 0, GAMES), dtype=np.uint64))
        score = score_interval(outcomes.score, task.score_bound)
        rows.append(
            {
                "policy": policy.name,
                "parameters": int(player.policy.model.num_parameters()),
                "mb": significant((policy.folder / WEIGHTS).stat().st_size / 1e6, 3),
                "steps": policy.steps,
                "cpu_s": significant(policy.cpu_s, 3),
                "score": {key: significant(value) for key, value in asdict(score).items()},
                "win_rate": significant(float(outcomes.won.mean()), 3),
                "decisions_per_s": significant(speeds[policy.name].median, 3),
                "agreement": significant(float((made == moves[0]).mean()), 3),
            }
        )
    return {"size": SIZE, "games": GAMES, "rows": rows, "cpu_share": cpu_share(speeds)}


def timed(player: LocalPolicy, batch: Any) -> Callable[[], int]:
    """Return work that decides a batch."""

    def work() -> int:
        player.logits(batch)
        return len(batch)

    return work

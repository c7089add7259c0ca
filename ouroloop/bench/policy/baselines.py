"""What PPO and DQN of Stable-Baselines3 reach in a given time, on the same boards and by the same evaluator as Snake-GPT.

Each trains from scratch for at most a fixed number of seconds of one core's processor time. A short training first tells how
many moves that is, since exploration depends on the share of the moves made. The highest logit is played, without a controller.
PPO was trained to sample its moves and walks in circles otherwise, so a second evaluation samples them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.peers.baseline import SETTINGS, Kind, load
from ouroloop.bench.peers.ppo_dqn import train
from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.evaluation import evaluate
from ouroloop.policy.report import EvaluationDocument
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.seeds import game_seeds

SIZES: Final = (6, 10)
SEED: Final = 0
GAMES: Final = 100
TRIAL: Final = 16_384
"""Moves of the short training that measures a baseline's speed."""


def measure(seconds: float, report: Report) -> dict[str, Any]:
    """Return a row for each baseline and board.

    Args:
        seconds: processor time of each training.
        report: called with the progress.

    Raises:
        SurroundingsError: Stable-Baselines3 is not installed.
    """
    threads(1)
    cases: list[tuple[Kind, int]] = [(kind, size) for size in SIZES for kind in SETTINGS]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for index, (kind, size) in enumerate(cases):
            report(f"{kind} on {size} x {size}", index / len(cases))
            rows.append(row(kind, size, seconds, Path(scratch) / f"{kind}-{size}"))
    return {"seconds": seconds, "rows": rows, "machine": machine()}


def row(kind: Kind, size: int, seconds: float, out: Path) -> dict[str, Any]:
    """Train one baseline in a folder and evaluate it."""
    task = SnakeTask(size)
    train(kind, task, 1, SEED, out)  # load and compile first
    begun = time.process_time()
    train(kind, task, TRIAL, SEED, out)
    steps = max(TRIAL, int(TRIAL * seconds / (time.process_time() - begun)))
    begun = time.process_time()
    made = train(kind, task, steps, SEED, out, limit_s=seconds)
    used = time.process_time() - begun
    found = {sampled: play(task, out, sampled) for sampled in ((False, True) if kind == "ppo" else (False,))}
    return {
        "baseline": kind,
        "size": size,
        "moves": int(made.health["moves"]),
        "updates": made.steps,
        "cpu_s": significant(used, 3),
        "wall_s": significant(made.seconds, 3),
        "training_score": significant(made.health["score"]),
        "games": GAMES,
        "score": scored(found[False]),
        "sampled_score": scored(found[True]) if True in found else None,
        "win_rate": significant(found[False]["win_rate"]),
        "starved": significant(found[False]["causes"]["starved"]),
        "max_score": size * size - 3,
    }


def play(task: SnakeTask, out: Path, sampled: bool) -> EvaluationDocument:
    """Return the evaluation of the baseline in a folder."""
    seeds = np.array(game_seeds(SEED, "watch", 0, GAMES), dtype=np.uint64)
    policy = load(out, task=task.name, size=task.size)
    return evaluate(task, policy, seeds, seed=SEED, sampled=sampled).to_document()


def scored(found: EvaluationDocument) -> dict[str, float]:
    """Return an evaluation's mean score and its interval."""
    score = found["score"]
    return {"mean": significant(score["mean"]), "low": significant(score["low"]), "high": significant(score["high"])}

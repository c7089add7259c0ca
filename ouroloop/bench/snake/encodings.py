"""`ouroloop bench encodings`: how long each encoding's prompts are, how steady, how fast, and how well models learn from them.

The positions come from the strongest teacher, spread evenly over the game, so that long snakes count as much as short ones.
Tokens are counted twice: in the encoding's own vocabulary, for models trained from scratch, and by a general tokenizer on the
same text.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.snake.plan import positions
from ouroloop.bench.snake.prompts import cases, prompts
from ouroloop.bench.timing import Report, cpu_share, machine, rounds, significant
from ouroloop.envs.intervals import score_interval
from ouroloop.envs.snake.encodings import ENCODINGS, encoding_of
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.play import play
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.sft.fit import SftConfig, fit_sft
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.seeds import game_seeds

SIZES: Final = (6, 10, 20)
BATCH: Final = 256
"""Positions that are encoded together."""
TEACHERS: Final = ("cycle", "greedy")
LEARNING_SIZE: Final = 6
STEPS: Final = 150
LESSONS: Final = 128
"""Positions per training step."""
GAMES: Final = 100
"""Games for evaluating a trained policy."""
ROUNDS_PER_TRAINING: Final = 3
"""Rounds of timing per training of each encoding: `--rounds 9` gives three seeds."""


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document: by board size and encoding, the properties of the prompts and how well models learn from them.

    Args:
        peers: unused.
        count: interleaved rounds; see `ROUNDS_PER_TRAINING`.
        seconds: for each case in each round.
        report: called with the progress.
    """
    threads(1)
    seeds = max(1, count // ROUNDS_PER_TRAINING)
    parts, trainings = len(SIZES), len(TEACHERS) * len(ENCODINGS) * seeds
    sizes = {}
    for index, size in enumerate(SIZES):
        report(f"prompts of {size} x {size}", index / (parts + trainings))
        sizes[str(size)] = compare(size, count, seconds)
    rows: list[dict[str, Any]] = []
    for teacher in TEACHERS:
        for name in ENCODINGS:
            report(f"learning of {teacher} by {name}", (parts + len(rows) * seeds) / (parts + trainings))
            rows.append(learn(name, teacher, seeds))
    return {
        "unit": "per second of processor time, one core",
        "batch": BATCH,
        "sizes": sizes,
        "learning": {"size": LEARNING_SIZE, "steps": STEPS, "batch": LESSONS, "games": GAMES, "seeds": seeds, "rows": rows},
        "machine": machine(),
    }


def compare(size: int, count: int, seconds: float) -> dict[str, Any]:
    """Return the properties of the encodings' prompts on one board size, all on the same positions."""
    bank = positions("best", size)
    seen = bank.observations(np.linspace(0, bank.games - 1, BATCH).astype(np.int64))
    work: dict[str, Callable[[], int]] = {}
    for name in ENCODINGS:
        work |= {f"{what} {name}": case for what, case in cases(name, size, seen).items()}
    rates = rounds(work, count, seconds)
    found: dict[str, Any] = {
        "mean_length": significant(float(np.asarray(seen.lengths["snake"], np.int64).mean())),
        "cpu_share": cpu_share(rates),
        "encodings": {},
    }
    for name in ENCODINGS:
        speed = {f"{what}_per_s": significant(rates[f"{what} {name}"].median) for what in ("encodes", "decodes", "decisions")}
        found["encodings"][name] = prompts(encoding_of(name, size), seen) | speed
    return found


def learn(name: str, teacher: str, seeds: int) -> dict[str, Any]:
    """Return the scores of policies that were trained briefly and alike on one encoding's prompts of the same lessons."""
    task = SnakeTask(LEARNING_SIZE)
    config = SftConfig(encoding=name, teacher=teacher, steps=STEPS, batch=LESSONS)
    scores, accuracy, used = [], [], 0.0
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            out, begun = Path(folder) / name, time.process_time()
            accuracy.append(fit_sft(task, config, seed, out).health["accuracy"])
            used += time.process_time() - begun
            games = np.array(game_seeds(seed, "bank", 0, GAMES), np.uint64)
            scores.append(play(task, LocalPolicy(out), games).score)
    score = score_interval(np.concatenate(scores), task.score_bound)
    return {
        "encoding": name,
        "teacher": teacher,
        "score": {key: significant(getattr(score, key), 3) for key in ("mean", "low", "high")},
        "score_by_seed": [significant(float(part.mean()), 3) for part in scores],
        "accuracy": significant(float(np.mean(accuracy)), 3),
        "training_cpu_s": significant(used / seeds, 3),
    }

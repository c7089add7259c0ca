"""How well policies play alone, by their highest logit: one that is trained from scratch here, and the shipped ones.

One published figure stands beside boards of 10: the best mean known to us of a Snake player trained by reinforcement learning
at this size. The target is 78 foods, eight tenths of the most possible.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.timing import Report, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.contender import cores
from ouroloop.policy.bases import open_policy, player_of
from ouroloop.policy.evaluation import evaluate
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.sft.fit import SftConfig, fit_sft
from ouroloop.policy.shipped import find_policy, shipped_policies
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy

SCRATCH_SIZE: Final = 6
SCRATCH: Final = SftConfig(teacher="cycle", steps=400, curve=8)
SCRATCH_GAMES: Final = 200
SCRATCH_TARGET: Final = {"score": 20.0, "seconds": 300.0}
SHIPPED_GAMES: Final = 500
ANCHORS: Final = {"best published mean of reinforcement learning": 13.0}
ANCHORS_SIZE: Final = 10
TARGET: Final = 78.0
AIM: Final = 95.0


def measure_scratch(report: Report, *, seed: int) -> dict[str, Any]:
    """Return the result of supervised fine-tuning of a new policy on one thread, and the time it takes.

    Args:
        report: called with the progress.
        seed: of training and games.
    """
    task, seconds = SnakeTask(SCRATCH_SIZE), dict[int, float]()
    with tempfile.TemporaryDirectory() as scratch:
        out, begun, cpu = Path(scratch) / "policy", time.perf_counter(), time.process_time()

        def told(stage: str, fraction: float, figures: dict[str, float]) -> None:
            seconds[round(fraction * SCRATCH.steps)] = time.perf_counter() - begun
            report(f"{stage}, loss {figures['loss']:.3g}", 0.9 * fraction)

        made = fit_sft(task, SCRATCH, seed, out, told)
        wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
        report(f"{SCRATCH_GAMES} games", 0.9)
        player = LocalPolicy(out)
        found = played(task, player, SCRATCH_GAMES, seed, workers=1)
    return {
        "size": SCRATCH_SIZE,
        "max_score": SCRATCH_SIZE**2 - 3,
        "teacher": SCRATCH.teacher,
        "steps": made.steps,
        "parameters": int(player.policy.model.num_parameters()),
        "threads": 1,
        "wall_s": significant(wall, 3),
        "cpu_s": significant(cpu, 3),
        **found,
        "curve": [[step, significant(seconds.get(step, wall), 3), significant(score)] for step, score in made.curve],
        "target": SCRATCH_TARGET,
        "met": found["score"]["mean"] >= SCRATCH_TARGET["score"] and wall <= SCRATCH_TARGET["seconds"],
    }


def measure_shipped(report: Report, *, seed: int) -> dict[str, Any]:
    """Return a row for each policy that ships with the package.

    Args:
        report: called with the progress.
        seed: of the games.
    """
    names, rows = shipped_policies(), []
    for index, name in enumerate(names):
        report(f"{name}, {SHIPPED_GAMES} games", index / len(names))
        rows.append(shipped(name, seed))
    return {"games": SHIPPED_GAMES, "target": TARGET, "aim": AIM, "rows": rows}


def shipped(name: str, seed: int) -> dict[str, Any]:
    """Return the figures of a shipped policy, beside those of other players on its board."""
    folder = find_policy(name)
    policy = open_policy(folder)
    size = int(policy.encoding.settings["size"])
    found = played(SnakeTask(size), player_of(policy), SHIPPED_GAMES, seed, workers=cores())
    compared = size == ANCHORS_SIZE
    return {
        "policy": name,
        "size": size,
        "max_score": size**2 - 3,
        "parameters": int(policy.model.num_parameters()),
        "mb": significant(sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e6, 3),
        **found,
        "anchors": ANCHORS if compared else None,
        "met": found["score"]["mean"] >= TARGET if compared else None,
    }


def played(task: SnakeTask, player: Policy, games: int, seed: int, *, workers: int) -> dict[str, Any]:
    """Return how a policy does in games of the `watch` stream, from which it has not learned.

    Args:
        task: the game.
        player: the policy.
        games: how many.
        seed: of the games.
        workers: batches that play in parallel, each on one thread.
    """
    threads(1)
    seeds = np.array(game_seeds(seed, "watch", 0, games), dtype=np.uint64)
    found = evaluate(task, player, seeds, seed=seed, threads=workers).to_document()
    score = found["score"]
    return {
        "games": games,
        "score": {"mean": significant(score["mean"]), "low": significant(score["low"]), "high": significant(score["high"])},
        "win_rate": significant(found["win_rate"]),
        "path_optimality": significant(found["path_optimality"]),
        "steps_mean": significant(found["steps_mean"]),
        "starved": significant(found["causes"]["starved"]),
        "decisions_per_s": significant(found["decisions_per_s"]),
    }

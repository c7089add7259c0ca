"""GRPO's speed in states per second: our trainer beside TRL's own `GRPOTrainer`, and whether their gradients agree."""

from __future__ import annotations

import statistics
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ouroloop.bench.timing import Report, machine, significant

SIZES: Final = (6, 10)
ROUNDS: Final = 3
POSITIONS: Final = 512


def measure(seconds: float, report: Report) -> dict[str, Any]:
    """Return the rates of both trainers in interleaved rounds, by board size, and the largest difference of their gradients.

    Computing rewards is excluded on both sides: one table holds them. Rates are states per processor second of one thread.

    Args:
        seconds: processor time of each side in each round and size, without setting up.
        report: called with the progress.
    """
    from ouroloop.policy.snake_gpt import threads

    threads(1)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for index, size in enumerate(SIZES):
            found[str(size)] = _size(size, seconds, report, index / len(SIZES), Path(scratch))
    return {
        "boards": found,
        "ratio": min(board["ratio"] for board in found.values()),
        "relative_gradient_difference": max(board["relative_difference"] for board in found.values()),
        "rewards": "looked up in one table on both sides; games are excluded on both",
        "rounds": ROUNDS,
        "trl": version("trl"),
        "machine": machine(),
    }


def _size(size: int, seconds: float, report: Report, done: float, scratch: Path) -> dict[str, Any]:
    from ouroloop.bench.peers.ground import lay_out
    from ouroloop.bench.peers.trl import our_trainer, stock_trainer
    from ouroloop.bench.peers.trl_speed import first_gradients, states_per_s
    from ouroloop.envs.snake.task import SnakeTask
    from ouroloop.policy.grpo.config import GrpoConfig
    from ouroloop.policy.settings import Shape
    from ouroloop.policy.snake_gpt import create, quiet, save

    # The rate is so small that both sides keep sampling from their first policy.
    config, start = GrpoConfig(learning_rate=1e-7, sampler="vocabulary", variant="dr_grpo"), scratch / f"start-{size}"
    policy = create(SnakeTask(size), Shape(), 0)
    save(policy, start)
    with quiet():
        ground = lay_out(SnakeTask(size), start, config, POSITIONS, 0)
        sides = {"ours": our_trainer, "trl": stock_trainer}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for index in range(ROUNDS):
            for name, make in sides.items():
                report(f"grpo, {size} x {size}, {name}", done + index / ROUNDS / len(SIZES))
                rates[name].append(states_per_s(make(ground, scratch / name), ground, seconds))
        ours, theirs = first_gradients(ground, scratch / "gradients")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    apart = max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
    largest = max(float(value.abs().max()) for value in theirs.values())
    return {
        "parameters": policy.model.num_parameters(),
        "states": config.states,
        "group": config.group,
        "iterations": config.iterations,
        "states_per_s": {name: significant(value) for name, value in medians.items()},
        "rounds": {name: [significant(value) for value in values] for name, values in rates.items()},
        "ratio": significant(medians["ours"] / medians["trl"], 3),
        "largest_gradient_difference": significant(apart, 3),
        "largest_gradient": significant(largest, 3),
        "relative_difference": significant(apart / largest, 3),
    }

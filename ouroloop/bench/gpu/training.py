"""Snake-GPT on a GPU: tokens per second of training as a share of the chip's peak, and the seconds to a score of 78."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.gpu.speed import SHAPE, SPEEDS, Clock, speed
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.seeds import game_seeds

Report = Callable[[str, float], None]
GOAL: Final = 78.0
"""Mean score on 10x10: the target of `bench policy` for policies alone."""
CLIMB: Final[dict[str, Any]] = {
    "encoding": "path",
    "teacher": "early",
    "steps": 600,
    "batch": 2048,
    "positions": 100_000,
    "dagger": 3,
    "dagger_positions": 150_000,
    "mixing": 0.2,
    "curve": 6,
}
"""The training from scratch that is followed until it reaches `GOAL`."""


def measure(
    report: Report, *, device: str = "cuda", speeds: dict[str, dict[str, Any]] = SPEEDS, climb: dict[str, Any] | None = CLIMB
) -> dict[str, Any]:
    """Return chip, speeds and the seconds to `GOAL`; it runs on a CPU as well, given enough time."""
    from ouroloop.bench.gpu.chip import gpu_name, peak_flops

    report("peak", 0.0)
    peak = peak_flops(device, **({} if device == "cuda" else {"side": 1024, "rounds": 3}))
    found: dict[str, Any] = {"device": gpu_name() or device, "peak_tflops": round(peak / 1e12, 4), "training": {}}
    for number, (name, settings) in enumerate(speeds.items()):
        report(name, 0.05 + 0.1 * number)
        found["training"][name] = speed({"shape": SHAPE, **settings, "device": device}, peak)
    if climb is not None:
        report(f"to a score of {GOAL:g}", 0.4)
        found["climb"] = _climb({"shape": SHAPE, **climb, "device": device})
    return found


def _climb(settings: dict[str, Any]) -> dict[str, Any]:
    """Return how long a training from scratch took to reach `GOAL`, and how well its policy plays in the end."""
    from ouroloop.policy.bases import open_policy, player_of
    from ouroloop.policy.evaluation import evaluate
    from ouroloop.policy.sft.config import SftConfig
    from ouroloop.policy.sft.fit import fit_sft

    config, task, clock = SftConfig(**settings), SnakeTask(10), Clock()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "policy"
        trained = fit_sft(task, config, 0, out, clock)
        seeds = np.array(game_seeds(0, "watch", 0, 200), dtype=np.uint64)
        evaluation = evaluate(task, player_of(open_policy(out, device=config.device)), seeds, seed=0).to_document()
    reached = [step for step, score in trained.curve if score >= GOAL]
    return {
        "goal": GOAL,
        "seconds": round(clock.ends[reached[0] - 1] - clock.begun, 1) if reached else None,
        "step": reached[0] if reached else None,
        "steps": config.steps,
        "all_seconds": round(trained.seconds, 1),
        "curve": [[step, round(clock.ends[step - 1] - clock.begun, 1), round(score, 2)] for step, score in trained.curve],
        "evaluation": {key: evaluation[key] for key in ("score", "win_rate", "decisions_per_s")},
    }

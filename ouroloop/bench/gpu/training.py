"""Snake-GPT on a GPU: tokens a second in training as a share of the chip's peak, and the seconds to a score of 78."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from ouroloop.policy.sft.config import SftConfig

Report = Callable[[str, float], None]
GOAL: Final = 78.0
"""Mean score on 10x10: the best of the reference document's table."""
WARM: Final = 10
"""Steps before a speed is taken."""
SPEEDS: Final[dict[str, dict[str, Any]]] = {
    "snake-gpt, batch 2048": {"steps": 60, "batch": 2048, "encoding": "path"},
    "snake-gpt, batch 16384": {"steps": 40, "batch": 16384, "encoding": "path"},
    "300 M weights, json, batch 256": {
        "steps": 40,
        "batch": 256,
        "encoding": "json",
        "learning_rate": 3e-4,
        "shape": {"hidden": 1024, "layers": 24, "heads": 16, "intermediate": 4096},
    },
}
"""Trainings whose steps are timed, as settings of `SftConfig`."""
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
"""The training from scratch that is watched until it reaches `GOAL`."""
SHAPE: Final = {"hidden": 128, "layers": 2, "heads": 4, "intermediate": 256}


@dataclass
class Clock:
    """When each step of a training ended.

    Args:
        ends: seconds since some moment, one for each step.
        begun: when the clock was made.
    """

    ends: list[float] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)

    def __call__(self, stage: str, progress: float, figures: dict[str, float]) -> None:
        """Be a `Progress`."""
        self.ends.append(time.perf_counter())

    def per_step(self) -> float:
        """Return the median seconds of a step after the first `WARM`."""
        return statistics.median(b - a for a, b in zip(self.ends[WARM:], self.ends[WARM + 1 :], strict=False))


def measure(
    report: Report, *, device: str = "cuda", speeds: dict[str, dict[str, Any]] = SPEEDS, climb: dict[str, Any] | None = CLIMB
) -> dict[str, Any]:
    """Return chip, speeds and the seconds to `GOAL`; on a CPU as well, if one has the time."""
    from ouroloop.bench.gpu.chip import gpu_name, peak_flops

    report("peak", 0.0)
    peak = peak_flops(device, **({} if device == "cuda" else {"side": 1024, "rounds": 3}))
    found: dict[str, Any] = {"device": gpu_name() or device, "peak_tflops": round(peak / 1e12, 1), "training": {}}
    for number, (name, settings) in enumerate(speeds.items()):
        report(name, 0.05 + 0.1 * number)
        found["training"][name] = _speed({"shape": SHAPE, **settings, "device": device}, peak)
    if climb is not None:
        report(f"to a score of {GOAL:g}", 0.4)
        found["climb"] = _climb({"shape": SHAPE, **climb, "device": device})
    return found


def _speed(settings: dict[str, Any], peak: float) -> dict[str, float]:
    """Return what a training does in a second."""
    from ouroloop.bench.gpu.chip import flops_per_token
    from ouroloop.policy.sft.config import SftConfig
    from ouroloop.policy.sft.fit import fit_sft

    config, task, clock = SftConfig(teacher="early", positions=20_000, **settings), SnakeTask(10), Clock()
    with tempfile.TemporaryDirectory() as folder:
        fit_sft(task, config, 0, Path(folder) / "policy", clock)
    length = _length(task, config)
    rate = config.batch * length / clock.per_step()
    return {
        "steps_per_s": round(1 / clock.per_step(), 2),
        "tokens_per_s": round(rate),
        "tflops": round(rate * flops_per_token(config, 10, length) / 1e12, 3),
        "of_peak": rate * flops_per_token(config, 10, length) / peak,
    }


def _length(task: SnakeTask, config: SftConfig) -> float:
    """Return the mean tokens of a lesson: its prompt and the answer, without padding."""
    from ouroloop.envs.snake.encodings import encoding_of
    from ouroloop.policy.sft.data import Teaching, teach

    lessons = teach(task, Teaching("early", 0.0, equals=True), 4096, 1, noise=config.noise)
    return float(encoding_of(config.encoding, 10).encode_batch(lessons.positions)[1].sum(axis=1).mean()) + 1


def _climb(settings: dict[str, Any]) -> dict[str, Any]:
    """Return how long a training from scratch took to `GOAL`, and what its policy is worth in the end."""
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

"""Tokens per second of training on a GPU, as a share of its chip's peak."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ouroloop.envs.snake.task import SnakeTask

if TYPE_CHECKING:
    from ouroloop.policy.sft.config import SftConfig
WARM: Final = 10
"""Steps before the speed is measured."""
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
SHAPE: Final = {"hidden": 128, "layers": 2, "heads": 4, "intermediate": 256}


@dataclass
class Clock:
    """The times at which the steps of a training ended.

    Args:
        ends: seconds since some fixed moment, one for each step.
        begun: when the clock was created.
    """

    ends: list[float] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)

    def __call__(self, stage: str, progress: float, figures: dict[str, float]) -> None:
        """Act as a `Progress`."""
        self.ends.append(time.perf_counter())

    def per_step(self) -> float:
        """Return the median seconds of a step after the first `WARM`."""
        return statistics.median(b - a for a, b in zip(self.ends[WARM:], self.ends[WARM + 1 :], strict=False))


def speed(settings: dict[str, Any], peak: float) -> dict[str, float]:
    """Return how much a training does per second."""
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
        "tflops": round(rate * flops_per_token(config, 10, length) / 1e12, 6),
        "of_peak": rate * flops_per_token(config, 10, length) / peak,
    }


def _length(task: SnakeTask, config: SftConfig) -> float:
    """Return the mean tokens of a lesson: its prompt and the answer, without padding."""
    from ouroloop.envs.capabilities import encoding_of
    from ouroloop.policy.sft.data import Teaching, teach

    lessons = teach(task, Teaching("early", 0.0, equals=True), 4096, 1, noise=config.noise)
    return float(encoding_of(task, config.encoding).encode_batch(lessons.positions)[1].sum(axis=1).mean()) + 1

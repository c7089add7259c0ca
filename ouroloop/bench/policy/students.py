"""A teacher policy and the students made from it: one trained from scratch, and one per stage of distillation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ouroloop.bench.timing import Report
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.distill.fit import DistillConfig, StageName, distill
from ouroloop.policy.report import Progress, TrainingReport
from ouroloop.policy.settings import Shape
from ouroloop.policy.sft.fit import SftConfig, fit_sft

SIZE: Final = 6
SEED: Final = 6
SMALL: Final = Shape(hidden=32, intermediate=64)
TEACHER: Final = SftConfig(steps=500, dagger=4, shape=Shape(hidden=128, intermediate=256))
SCRATCH: Final = SftConfig(steps=450, dagger=4, shape=SMALL)
"""As many steps as the student's two imitation stages together."""
STUDENT: Final = DistillConfig(logits=300, features=150, preferences=40, shape=SMALL, curve=0)
STAGES: Final[dict[str, StageName]] = {
    "logit KD": "logits",
    "+ feature KD": "features",
    "+ DPO": "preferences",
    "+ GRPO": "grpo",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """A policy of the table.

    Args:
        name: the name of its row.
        folder: its directory.
        steps: optimizer steps, including earlier stages.
        cpu_s: processor time of its training, including earlier stages but not the teacher's.
    """

    name: str
    folder: Path
    steps: int
    cpu_s: float


def train_all(folder: Path, report: Report) -> list[Trained]:
    """Train the policies of the table in a folder, the teacher first."""
    task = SnakeTask(SIZE)
    parts = 2 + len(STAGES)

    def told(index: int, name: str) -> Progress:
        return lambda _, done, figures: report(f"distillation: {name}", 0.9 * (index + done) / parts)

    def train(
        index: int, name: str, work: Callable[[Path, Progress], TrainingReport], before: Trained | None = None
    ) -> Trained:
        begun, out = time.process_time(), folder / str(index)
        steps = work(out, told(index, name)).steps
        cpu_s = time.process_time() - begun
        return Trained(name, out, steps + (before.steps if before else 0), cpu_s + (before.cpu_s if before else 0.0))

    def stage(only: DistillConfig, start: Path | None) -> Callable[[Path, Progress], TrainingReport]:
        return lambda out, tell: distill(task, teacher.folder, only, SEED, out, tell, start=start)

    teacher = train(0, "teacher, SFT", lambda out, tell: fit_sft(task, TEACHER, SEED, out, tell))
    policies = [teacher, train(1, "student, SFT", lambda out, tell: fit_sft(task, SCRATCH, SEED, out, tell))]
    last = None
    for index, (name, wanted) in enumerate(STAGES.items(), start=2):
        last = train(index, name, stage(only_stage(wanted), last.folder if last else None), last)
        policies.append(last)
    return policies


def only_stage(wanted: StageName) -> DistillConfig:
    """Return the student's settings with only one of their stages."""
    others: dict[str, float] = {"logits": 0, "features": 0, "preferences": 0, "grpo_share": 0.0}
    del others["grpo_share" if wanted == "grpo" else wanted]
    return STUDENT.model_copy(update=others)

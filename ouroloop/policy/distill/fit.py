"""Distillation: from a teacher policy to a smaller student, in stages.

1. `logits`: the teacher's softened probabilities, and the hard moves of the game's own teacher (`imitation`).
2. `features`: the same, and the teacher's last hidden states through a projector.
3. `preferences`: DPO where the student's moves are worse than they could be (`preference`).
4. `grpo`: a short GRPO under the game's own reward, for a share of its usual steps.

Each stage has its own number of steps, and a stage without steps is left out. Student and teacher share the game and the
board, but not shape, encoding or vocabulary. The same seed gives the same weights, even if a distillation with checkpoints
was interrupted.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.policy.bases import open_policy
from ouroloop.policy.distill.config import DistillConfig, StageName
from ouroloop.policy.distill.imitation import Blend, Buffer, DistillTrainer, Guide, Supply, projected
from ouroloop.policy.distill.preference import PreferenceTrainer, collect_pairs
from ouroloop.policy.distill.stage import Curve, Stage, mean_score
from ouroloop.policy.grpo.fit import train_grpo
from ouroloop.policy.report import Alarm, Progress, TrainingReport, silent
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.snake_gpt import SnakeGPT, create, load, quiet, save
from ouroloop.policy.training import Record, Workplace
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

__all__ = ["DistillConfig", "StageName", "distill"]

FIGURES: Final = {"accuracy": "mean_token_accuracy", "entropy": "entropy", "grad_norm": "grad_norm"}
"""Figures of the imitation stages: our name -> the trainer's."""
TERMS: Final = {"soft": "soft", "agreement": "agreement"}
PREFERENCE_FIGURES: Final = {"preferred": "preferred", "margin": "margin", "grad_norm": "grad_norm"}


def distill(
    task: Task,
    teacher: Path,
    config: DistillConfig,
    seed: int,
    out: Path,
    progress: Progress = silent,
    *,
    start: Path | None = None,
) -> TrainingReport:
    """Train a student on a teacher policy's answers, and write it to `out`.

    Args:
        task: the game.
        teacher: the policy directory to learn from; it stays as it is.
        config: the settings.
        seed: decides data, initial weights and order.
        out: the policy directory to make; it appears complete or not at all. With checkpoints, a folder beside it keeps them
            and the finished stages until then, and a second call with the same arguments resumes from the last.
        progress: called after each step, with the name of the stage and the progress of the whole.
        start: a student to train further, instead of a new one of `config.shape` and `config.encoding`.

    Returns:
        The losses of all stages, the figures of each as `<stage>_<figure>` with its final `<stage>_score`, and the learning
        curve over all steps.

    Raises:
        UsageError: the teacher or the student is not a policy of this game and board, the game has no such expert, or the
            encoding does not cover the board.
        TrainingError: a loss is not finite.
    """
    begun = time.perf_counter()
    plan = config.plan()
    if not plan:
        raise UsageError("distillation without steps: give one of logits, features, preferences or grpo_share some")
    guide = Guide(open_policy(teacher, task=task))
    student = create(task, config.shape, seed, config.encoding) if start is None else load(start, task=task)
    stamp = " ".join([config.stamp(), *(_fingerprint(path) for path in (teacher, start) if path)])
    with Workplace(out, stamp, seed) as place, quiet():
        course = Course(task, guide, student, config, seed, place.folder, progress)
        for number, name in enumerate(plan, start=1):
            course.go_on(number, name)
        save(course.student, out)
        place.done()
    return joined_report(course.reports, time.perf_counter() - begun)


@dataclass(slots=True)
class Course:
    """A distillation in progress.

    Args:
        task: the game.
        guide: the teacher policy.
        student: its state after the last finished stage.
        config: the settings.
        seed: of everything random.
        folder: where checkpoints and finished stages are kept.
        progress: called after each step.
        reports: of the finished stages, in order.
    """

    task: Task
    guide: Guide
    student: SnakeGPT
    config: DistillConfig
    seed: int
    folder: Path
    progress: Progress
    reports: dict[str, TrainingReport] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """With checkpoints, save the student as it is now: the first of them."""
        self._keep(0)

    def go_on(self, number: int, name: StageName) -> None:
        """Run one stage, or load the result of an earlier run."""
        kept, noted = self._kept(number), self.folder / f"{name}.json"
        if kept.is_dir():
            self.student, self.reports[name] = load(kept, task=self.task), read_report(noted)
            return
        stages: dict[StageName, Callable[[Stage], TrainingReport]] = {
            "logits": self._imitate,
            "features": self._imitate,
            "preferences": self._prefer,
            "grpo": self._reinforce,
        }
        report = stages[name](self._stage(number, name))
        ended = bool(report.curve) and report.curve[-1][0] == report.steps
        score = report.curve[-1][1] if ended else mean_score(self.task, self.student, self.seed)
        curve = report.curve if ended else (*report.curve, (report.steps, score))
        self.reports[name] = replace(report, health={**report.health, "score": score}, curve=curve)
        noted.write_text(json.dumps(asdict(self.reports[name])))
        self._keep(number)

    def _kept(self, number: int) -> Path:
        """Return where the student is kept after a stage; `Workplace` keeps the folder because of this name."""
        return self.folder / f"checkpoint-{number}"

    def _keep(self, number: int) -> None:
        """Save the student after a stage."""
        if self.config.checkpoint and not self._kept(number).is_dir():
            save(self.student, self._kept(number))

    def _stage(self, number: int, name: StageName) -> Stage:
        """Return the settings of a stage."""
        config = self.config
        return Stage(
            number=number,
            name=name,
            steps=config.plan()[name],
            batch=config.batch,
            learning_rate=config.preference_rate if name == "preferences" else config.learning_rate,
            warmup=config.warmup,
            weight_decay=config.weight_decay,
            clip=config.clip,
            checkpoint=config.checkpoint,
            curve=config.curve,
            seed=self.seed,
            folder=self.folder / name,
        )

    def _tell(self, stage: Stage) -> Progress:
        """Return the callback that reports a stage's progress as a part of the whole."""
        steps = list(self.config.plan().values())
        before, total = sum(steps[: stage.number - 1]), sum(steps)
        return lambda _, part, figures: self.progress(stage.name, (before + part * stage.steps) / total, figures)

    def _imitate(self, stage: Stage) -> TrainingReport:
        """Learn the teacher's probabilities, and in the stage `features` also its states."""
        config, states = self.config, stage.name == "features"
        blend = Blend(config.temperature, config.alpha, config.feature_weight if states else 0.0)
        supply = Supply(
            expert=config.expert,
            positions=config.positions,
            noise=config.noise,
            temperature=config.temperature,
            on_policy=config.on_policy,
            rounds=config.rounds,
            round_positions=config.round_positions,
            mixing=config.mixing,
        )
        record = Record(stage.name, self._tell(stage), FIGURES | TERMS | ({"feature": "feature"} if states else {}))
        buffer = Buffer(self.task, self.guide, self.student, supply, stage, states=states)
        seed = derived_seed(self.seed, "projector")
        with projected(self.student.model, self.guide.width, seed) if states else nullcontext():
            trainer = stage.trainer(DistillTrainer, self.student)
            trainer.school, trainer.policy, trainer.blend = buffer, self.student, blend
            for callback in (buffer, Curve(self.task, self.student, stage, record), record):
                trainer.add_callback(callback)
            trainer.train(resume_from_checkpoint=stage.last())
        return record.report(0.0)

    def _prefer(self, stage: Stage) -> TrainingReport:
        """Learn to prefer better moves to the student's own; if it makes no worse ones, there is nothing to do."""
        config, player = self.config, LocalPolicy(self.student)
        pairs = collect_pairs(self.task, player, self.guide, config.preference_source, config.preference_positions, stage)
        if pairs is None:
            return TrainingReport(0, (), {"mistakes": 0.0})
        record = Record(stage.name, self._tell(stage), PREFERENCE_FIGURES)
        trainer = stage.trainer(PreferenceTrainer, self.student)
        trainer.policy, trainer.pairs, trainer.stage = self.student, pairs, stage
        trainer.beta, trainer.anchors = config.beta, config.anchors
        for callback in (Curve(self.task, self.student, stage, record), record):
            trainer.add_callback(callback)
        trainer.train(resume_from_checkpoint=stage.last())
        return record.report(0.0, mistakes=pairs.mistakes / len(pairs))

    def _reinforce(self, stage: Stage) -> TrainingReport:
        """Run a short GRPO under the game's own reward alone."""
        begin, made = self.folder / "student", self.folder / "reinforced"
        save(self.student, begin)
        config = self.config.grpo.model_copy(update={"steps": stage.steps, "checkpoint": stage.checkpoint})
        report = train_grpo(self.task, begin, no_reward, lambda _: 0.0, config, self.seed, made, self._tell(stage))
        self.student = load(made, task=self.task)
        return report


def no_reward(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an r_spec of 0: (..., F) to (...,) float32."""
    return np.zeros(features.shape[:-1], dtype=np.float32)


def joined_report(reports: dict[str, TrainingReport], seconds: float) -> TrainingReport:
    """Return the stages' reports as one; see `distill`."""
    steps, curve = 0, []
    for report in reports.values():
        curve += [(steps + step, score) for step, score in report.curve if step]  # a stage begins where the last one ended
        steps += report.steps
    health = {f"{name}_{figure}": value for name, report in reports.items() for figure, value in report.health.items()}
    loss = tuple(value for report in reports.values() for value in report.loss)
    alarms = tuple(alarm for report in reports.values() for alarm in report.alarms)
    stopped = next((report.stopped for report in reports.values() if report.stopped), None)
    return TrainingReport(steps, loss, health, tuple(curve), seconds, alarms, stopped)


def read_report(path: Path) -> TrainingReport:
    """Return the report of a finished stage."""
    kept = json.loads(path.read_text())
    curve = tuple((step, score) for step, score in kept["curve"])
    alarms = tuple(Alarm(**alarm) for alarm in kept["alarms"])
    return TrainingReport(kept["steps"], tuple(kept["loss"]), kept["health"], curve, alarms=alarms, stopped=kept["stopped"])


def _fingerprint(folder: Path) -> str:
    """Return a hash of a policy directory's files."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            found.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest()

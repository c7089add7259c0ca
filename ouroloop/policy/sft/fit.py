"""Supervised fine-tuning of a policy on a teacher's moves, with DAgger rounds, on TRL's `SFTTrainer`.

In a DAgger round (Ross et al. 2011, algorithm 3.1) the student plays, the teacher tells its own move in each of the student's
positions, and these join the lessons.

A training takes a fixed number of steps, never a time limit, so the same seed gives the same weights. Seed and step
determine the positions that a step trains on, so an interrupted training resumes from its last checkpoint to the same
weights. Several processes may train together: see `distributed`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.policy.bases import load_base, open_policy, save_policy
from ouroloop.policy.distributed import is_main, join_processes, on_main, refill
from ouroloop.policy.report import Progress, TrainingReport, silent
from ouroloop.policy.sft.config import SftConfig
from ouroloop.policy.sft.school import School
from ouroloop.policy.sft.trainer import LessonTrainer
from ouroloop.policy.slots import slot_trainer
from ouroloop.policy.snake_gpt import create, quiet
from ouroloop.policy.training import Record, Workplace
from ouroloop.protocols.errors import TrainingError

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.ports import Task

__all__ = ["SftConfig", "fit_sft"]

FIGURES = {"accuracy": "mean_token_accuracy", "entropy": "entropy", "grad_norm": "grad_norm"}


def fit_sft(
    task: Task, config: SftConfig, seed: int, out: Path, progress: Progress = silent, *, start: Path | None = None
) -> TrainingReport:
    """Train a policy on a teacher's moves and write it to `out`.

    Args:
        task: the game.
        config: the settings.
        seed: decides data, initial weights and order.
        out: the policy directory to make; it appears complete or not at all. With checkpoints, a folder beside it keeps them
            until then, and a second call with the same arguments resumes from the last.
        progress: called after each step.
        start: a policy to train further, instead of a new one.

    Raises:
        UsageError: there is no such teacher, encoding, base or start, or the encoding does not cover the board.
        SurroundingsError: a GPU is requested but missing, memory runs out, or the base is not on this machine.
        TrainingError: the loss is not finite, and there is no earlier good checkpoint. If there is one, its weights are
            written, and the report says so.
    """
    begun = time.perf_counter()
    join_processes()
    policy = _student(task, config, seed, start)
    record = Record("sft", progress if is_main() else silent, FIGURES)
    with Workplace(out, config.model_dump_json(), seed) as place, quiet():
        school = School(task, policy, config, seed, record)
        trainer = slot_trainer(
            LessonTrainer,
            policy,
            place.folder,
            steps=config.steps,
            batch=config.batch,
            checkpoint=config.checkpoint,
            seed=seed,
            device=config.device,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.schedule,
            warmup_steps=int(config.warmup * config.steps),
            weight_decay=config.weight_decay,
        )
        trainer.school, trainer.pieces = school, config.pieces
        trainer.add_callback(school)
        trainer.add_callback(record)
        stopped = _trained(trainer, place, record)
        refill(school.mirror, policy)
        on_main(lambda: save_policy(school.mirror, out))
        place.done()
    return replace(record.report(time.perf_counter() - begun, pieces=trainer.pieces), stopped=stopped)


def _trained(trainer: LessonTrainer, place: Workplace, record: Record) -> str | None:
    """Train, or resume; if the loss is not finite and a good checkpoint is left, return why the training stopped.

    Raises:
        TrainingError: the loss is not finite, and there is no earlier good checkpoint.
    """
    try:
        trainer.train(resume_from_checkpoint=place.last())
    except TrainingError as error:
        good = place.good(len(record.loss))
        if good is None:
            raise TrainingError(f"{error}; lower sft.learning_rate, or set sft.checkpoint, which keeps good weights") from error
        trainer._load_from_checkpoint(str(good))
        return f"{error}; the weights of {good.name} are kept"
    return None


def _student(task: Task, config: SftConfig, seed: int, start: Path | None) -> LanguagePolicy:
    """Return the policy that is to learn; see `SftConfig`."""
    if start is not None:
        return open_policy(start, task=task, trainable=True, device=config.device)
    if not config.base:
        return create(task, config.shape, seed, config.encoding, config.device)
    return load_base(
        config.base,
        task,
        encoding=config.encoding,
        adapter=config.lora,
        quantisation=config.quantisation,
        hint=config.hint,
        device=config.device,
        seed=seed,
    )

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
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.directory import is_seeing, restaged
from ouroloop.policy.fusion.eyes import open_eye
from ouroloop.policy.fusion.seeing import Seeing, create_seeing
from ouroloop.policy.report import Progress, TrainingReport, silent
from ouroloop.policy.sft.config import SftConfig
from ouroloop.policy.sft.school import School
from ouroloop.policy.sft.seeing import BOARD_READ, FOCUS_FOUND, SeeingTrainer
from ouroloop.policy.sft.trainer import LessonTrainer
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.slots import slot_trainer
from ouroloop.policy.snake_gpt import SnakeGPT, create, quiet
from ouroloop.policy.training import Record, Workplace
from ouroloop.protocols.canonical import sha256
from ouroloop.protocols.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.ports import Task

__all__ = ["SftConfig", "fit_sft"]

FIGURES = {
    "accuracy": "mean_token_accuracy",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
    BOARD_READ: BOARD_READ,
    FOCUS_FOUND: FOCUS_FOUND,
}


def fit_sft(
    task: Task,
    config: SftConfig,
    seed: int,
    out: Path,
    progress: Progress = silent,
    *,
    start: Path | None = None,
    eye: Path | None = None,
    fusion: FusionConfig | None = None,
) -> TrainingReport:
    """Train a policy on a teacher's moves and write it to `out`.

    Args:
        task: the game.
        config: the settings.
        seed: decides data, initial weights and order.
        out: the policy directory to make; it appears complete or not at all. With checkpoints, a folder beside it keeps them
            until then, and a second call with the same arguments resumes from the last.
        progress: called after each step.
        start: a policy to train further, instead of a new one; with an eye, the Snake-GPT that learns to see.
        eye: the folder of an eye; the new policy looks through it, and reads no text.
        fusion: how a policy that sees reads latents, and what its training changes; its own settings by default.

    Raises:
        UsageError: there is no such teacher, encoding, base, eye or start, or the encoding does not cover the board.
        SurroundingsError: a GPU is requested but missing, memory runs out, or the base is not on this machine.
        TrainingError: the loss is not finite, and there is no earlier good checkpoint. If there is one, its weights are
            written, and the report says so.
    """
    begun = time.perf_counter()
    join_processes()
    policy = _student(task, config, seed, start, eye, fusion)
    record = Record("sft", progress if is_main() else silent, FIGURES)
    with Workplace(out, _stamp(config, eye, fusion), seed) as place, quiet():
        school = School(task, policy, config, seed, record)
        trainer = slot_trainer(
            SeeingTrainer if isinstance(policy, Seeing) else LessonTrainer,
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
        if isinstance(trainer, SeeingTrainer) and isinstance(policy, Seeing):
            trainer.task, trainer.layout, trainer.readout = task, policy.layout, policy.fusion.readout
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


def _stamp(config: SftConfig, eye: Path | None, fusion: FusionConfig | None) -> str:
    """Return the settings of a training as text; an eye counts by its content, since it may lie elsewhere the next time."""
    seeing = f" {(fusion or FusionConfig()).model_dump_json()}" if eye or fusion else ""
    parts = [] if eye is None else [sha256(path.read_bytes()) for path in sorted(eye.rglob("*")) if path.is_file()]
    return " ".join((config.model_dump_json() + seeing, *parts))


def _student(
    task: Task, config: SftConfig, seed: int, start: Path | None, eye: Path | None, fusion: FusionConfig | None
) -> LanguagePolicy:
    """Return the policy that is to learn; see `fit_sft`."""
    if eye is not None:
        return _seeing(task, config, seed, start, eye, fusion or FusionConfig())
    if start is not None:
        anew = fusion is not None and is_seeing(start)
        opened = open_policy(start, task=task, trainable=not anew, device=config.device)
        return restaged(opened, fusion, seed) if fusion is not None and isinstance(opened, Seeing) else opened
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


def _seeing(task: Task, config: SftConfig, seed: int, start: Path | None, eye: Path, fusion: FusionConfig) -> LanguagePolicy:
    """Return a new policy that looks through an eye, with the body of a trained Snake-GPT if one is named.

    Raises:
        UsageError: there is no such eye, or what is named as the body is no Snake-GPT that reads text.
    """
    place = start or (find_policy(fusion.body) if fusion.body else None)
    body = None if place is None else open_policy(place, task=task, device=config.device)
    if body is not None and not isinstance(body, SnakeGPT):
        kind = "sees already" if isinstance(body, Seeing) else "has a Hugging Face base"
        raise UsageError(f"the policy {place} {kind}: an eye is given to a Snake-GPT that reads text, or to a new policy")
    return create_seeing(task, config.shape, seed, open_eye(eye, task), fusion, body=body, device=config.device)

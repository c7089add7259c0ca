"""Supervised fine-tuning of Snake-GPT on a teacher's moves, on TRL's `SFTTrainer`.

-sum log P(token) over the action and the end of text; the prompt is masked. A fixed number of steps, never a time limit, so
that the same seed gives the same weights.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset
from pydantic import BaseModel, ConfigDict, Field
from transformers import TrainerCallback
from trl import SFTConfig as TrlConfig
from trl import SFTTrainer

from ouroboros.policy.data import Lessons, teach
from ouroboros.policy.report import Progress, TrainingReport, silent
from ouroboros.policy.snake_gpt import Shape, SnakeGPT, create, quiet, save
from ouroboros.policy.tokenizer import build_tokenizer
from ouroboros.protocols.errors import TrainingError

if TYPE_CHECKING:
    from ouroboros.protocols.ports import Task


class SftConfig(BaseModel):
    """Knobs of `fit_sft`; the defaults suit a 6x6 board."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str = "greedy"
    steps: int = Field(default=80, ge=1)
    batch: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    positions: int = Field(default=16_000, ge=1)
    noise: float = Field(default=0.1, ge=0, le=1)
    smoothing: float = Field(default=0.05, ge=0, le=1)
    shape: Shape = Shape()


def fit_sft(task: Task, config: SftConfig, seed: int, out: Path, progress: Progress = silent) -> TrainingReport:
    """Train a new policy on a teacher's moves and write it to `out`.

    Args:
        task: the game.
        config: the knobs.
        seed: decides data, first weights and order.
        out: the policy directory to make; it appears whole or not at all.
        progress: told after each step.

    Raises:
        UsageError: no such teacher, or a board that the encoding does not cover.
        TrainingError: the loss is not finite.
    """
    begun = time.perf_counter()
    lessons = teach(task, config.teacher, config.positions, seed, noise=config.noise, smoothing=config.smoothing)
    size = int(task.engine(np.zeros(1, dtype=np.uint64)).observations().constants["size"])
    policy = create(size, task.name, config.shape, seed)
    record = _fit(policy, lessons, config, seed, progress)
    save(policy, out)
    return record.report(time.perf_counter() - begun)


class Record(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """Keeps each step's figures, tells of the progress, and stops a training whose loss is not finite."""

    def __init__(self, stage: str, progress: Progress, names: dict[str, str]) -> None:
        """Take the trainer's names of the figures to keep: ours -> the trainer's."""
        self.stage, self.progress, self.names = stage, progress, names
        self.loss: list[float] = []
        self.rows: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Take down one step."""
        if not logs or "loss" not in logs:
            return
        self.loss.append(float(logs["loss"]))
        self.rows.append({ours: float(logs[theirs]) for ours, theirs in self.names.items() if logs.get(theirs) is not None})
        if not np.isfinite(self.loss[-1]) or not np.isfinite(self.rows[-1].get("grad_norm", 0.0)):
            raise TrainingError(f"{self.stage}: step {state.global_step}: loss {self.loss[-1]}, expected a finite one")
        self.progress(self.stage, state.global_step / state.max_steps, {"loss": self.loss[-1], **self.rows[-1]})

    def report(self, seconds: float, **extra: float) -> TrainingReport:
        """Return the report, the figures averaged over the last tenth of the steps."""
        last = self.rows[-max(1, len(self.rows) // 10) :]
        health = {name: float(np.mean([row[name] for row in last if name in row] or [0.0])) for name in self.names}
        return TrainingReport(len(self.loss), tuple(self.loss), health | extra, seconds)


def _fit(policy: SnakeGPT, lessons: Lessons, config: SftConfig, seed: int, progress: Progress) -> Record:
    """Train in place."""
    record = Record("sft", progress, {"accuracy": "mean_token_accuracy", "entropy": "entropy", "grad_norm": "grad_norm"})
    with tempfile.TemporaryDirectory() as scratch, quiet():
        trainer = SFTTrainer(
            model=policy.model,
            args=TrlConfig(
                output_dir=scratch,
                max_steps=config.steps,
                per_device_train_batch_size=config.batch,
                learning_rate=config.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=int(config.warmup * config.steps),
                optim="adamw_torch_fused",
                weight_decay=0.01,
                seed=seed % 2**32,
                max_length=None,
                dataset_kwargs={"skip_prepare_dataset": True},
                **plain_arguments(),
            ),
            train_dataset=Dataset.from_dict(lessons.rows()),
            processing_class=build_tokenizer(policy.encoding),
            callbacks=[record],
        )
        strip_console(trainer)
        trainer.train()
    return record


def plain_arguments() -> dict[str, Any]:
    """Return the trainer's arguments that every training here shares: CPU, one process, no files, no console, no reports."""
    return {
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "remove_unused_columns": False,
        "full_determinism": False,
    }


def strip_console(trainer: Any) -> None:
    """Remove the callbacks that print."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)

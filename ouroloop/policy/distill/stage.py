"""One stage of a multi-stage training: some steps of a trainer whose rows are slots, with its own checkpoint folder.

Seed and slot determine an example when it is trained on, so an interrupted stage resumes from its last checkpoint to
the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from transformers import TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from ouroloop.policy.play import play
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.slots import SlotTrainer, slot_trainer
from ouroloop.policy.training import Record
from ouroloop.protocols.seeds import derived_seed, game_seeds, splitmixes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.snake_gpt import SnakeGPT
    from ouroloop.protocols.ports import Task

FIRST_GAME = 1 << 36
"""Games of stages begin here in the `train` stream, beyond those of all other trainings."""
STAGE_GAMES = 1 << 34
ROUND_GAMES = 1 << 28
"""Number of games reserved for each stage, and for each of its rounds."""
SCORED_GAMES = 32
"""Games per point of the learning curve, from the `search` stream."""
Trainer = TypeVar("Trainer", bound=SlotTrainer)


@dataclass(frozen=True, slots=True)
class Stage:
    """The settings of a stage.

    Args:
        number: its place, from 1; it determines where its games are in the `train` stream.
        name: its name in reports.
        steps: optimizer steps.
        batch: slots per step.
        learning_rate: the peak rate.
        warmup: share of the steps in which the rate rises to its peak; afterwards it falls to 0 along a cosine.
        weight_decay: of AdamW.
        clip: the norm to which gradients are clipped.
        checkpoint: steps between checkpoints, 0 for none.
        curve: points of the learning curve.
        seed: of the training.
        folder: where its checkpoints go.
    """

    number: int
    name: str
    steps: int
    batch: int
    learning_rate: float
    warmup: float
    weight_decay: float
    clip: float
    checkpoint: int
    curve: int
    seed: int
    folder: Path

    def trainer(self, kind: type[Trainer], policy: SnakeGPT) -> Trainer:
        """Return the stage's trainer, of this class."""
        return slot_trainer(
            kind,
            policy,
            self.folder,
            steps=self.steps,
            batch=self.batch,
            checkpoint=self.checkpoint,
            seed=self.seed,
            learning_rate=self.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=int(self.warmup * self.steps),
            weight_decay=self.weight_decay,
            max_grad_norm=self.clip,
        )

    def last(self) -> str | None:
        """Return the newest checkpoint's folder."""
        return get_last_checkpoint(str(self.folder)) if self.folder.is_dir() else None

    def games(self, part: int) -> int:
        """Return the number of the first game of one of the stage's rounds of play, which count from 0."""
        return FIRST_GAME + self.number * STAGE_GAMES + part * ROUND_GAMES

    def draws(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return a random number for each slot, always the same one: (B,) uint64."""
        return splitmixes(derived_seed(self.seed, self.name), slots)


class Curve(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """Records the points of a stage's learning curve, the last of them at its end."""

    def __init__(self, task: Task, policy: SnakeGPT, stage: Stage, record: Record) -> None:
        """Keep the policy that plays, and the record for its scores."""
        self.task, self.policy, self.stage, self.record = task, policy, stage, record

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Record a point if the step ends a part."""
        points, steps, step = self.stage.curve, self.stage.steps, state.global_step
        if step * points // steps > (step - 1) * points // steps:
            self.record.curve.append((step, mean_score(self.task, self.policy, self.stage.seed)))


def mean_score(task: Task, policy: SnakeGPT, seed: int) -> float:
    """Return a policy's mean score over `SCORED_GAMES` games from which no training learns."""
    seeds = np.array(game_seeds(seed, "search", 0, SCORED_GAMES), dtype=np.uint64)
    return float(play(task, LocalPolicy(policy), seeds).score.mean())

"""The knobs of distillation."""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.settings import Shape

Source: TypeAlias = Literal["teacher", "oracle", "both"]
"""Who says what a student's mistake is."""
StageName: TypeAlias = Literal["logits", "features", "preferences", "grpo"]


class DistillConfig(BaseModel):
    """Knobs of `distill`; the defaults suit a 6x6 board.

    `encoding` (empty: the game's first) and `shape` are the student's. Positions: `positions` of the teacher's games, in
    which `noise` of its moves are drawn from its softened probabilities; after each of `rounds` equal parts of an imitating
    stage but the last, `round_positions` of the student's games, in which the teacher makes `mixing` of the first round's
    moves, half as many in the next, and so on. They are `on_policy` of those that are drawn from then on. `expert` names
    the game's own teacher of the hard moves. Loss: `temperature`, `alpha` and `feature_weight` as in `imitation.Blend`.

    The third stage watches the student in `preference_positions`; `preference_source` says what is a mistake
    (`preference.prefer`), `anchors` is the share of pairs that are none, `beta` that of `preference.dpo_loss`. The last stage
    takes `grpo_share` of the steps of `grpo`, at a lower rate than usual, since the student plays well by then. `clip` bounds
    the gradients of the first three stages, `curve` is the number of points of the learning curve in each of them, `checkpoint`
    the steps between checkpoints; 0 for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str = ""
    shape: Shape = Shape(hidden=32, intermediate=64)
    logits: int = Field(default=600, ge=0)
    features: int = Field(default=300, ge=0)
    preferences: int = Field(default=40, ge=0)
    grpo_share: float = Field(default=0.3, ge=0, le=1)
    expert: str = "cycle"
    positions: int = Field(default=30_000, ge=1)
    noise: float = Field(default=0.05, ge=0, le=1)
    on_policy: float = Field(default=0.5, ge=0, le=1)
    rounds: int = Field(default=4, ge=1, le=60)
    round_positions: int = Field(default=10_000, ge=1)
    mixing: float = Field(default=0.5, ge=0, le=1)
    batch: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0)
    temperature: float = Field(default=2.0, ge=1, le=20)
    alpha: float = Field(default=0.7, ge=0, le=1)
    feature_weight: float = Field(default=1.0, gt=0)
    preference_source: Source = "both"
    preference_positions: int = Field(default=20_000, ge=1)
    preference_rate: float = Field(default=5e-5, gt=0)
    beta: float = Field(default=0.1, gt=0)
    anchors: float = Field(default=0.5, ge=0, lt=1)
    grpo: GrpoConfig = GrpoConfig(learning_rate=1e-4)
    curve: int = Field(default=1, ge=0, le=1000)
    checkpoint: int = Field(default=0, ge=0)

    def plan(self) -> dict[StageName, int]:
        """Return the steps of the stages that have any, in order."""
        steps: dict[StageName, int] = {
            "logits": self.logits,
            "features": self.features,
            "preferences": self.preferences,
            "grpo": round(self.grpo_share * self.grpo.steps),
        }
        return {name: count for name, count in steps.items() if count}

    def stamp(self) -> str:
        """Return all knobs as text, the same in every process, in which the order of a set is not."""
        return json.dumps(self.model_dump(), default=sorted, sort_keys=True)

"""The settings of distillation."""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.settings import Shape

Source: TypeAlias = Literal["teacher", "oracle", "both"]
"""The authority on a student's mistakes."""
StageName: TypeAlias = Literal["logits", "features", "preferences", "grpo"]


class DistillConfig(BaseModel):
    """Settings of `distill`; the defaults suit a 6x6 board.

    `encoding` (empty: the game's first) and `shape` are the student's. `positions` come from the teacher's games, in which a
    share `noise` of its moves are drawn from its softened probabilities. An imitation stage has `rounds` equal parts; after
    each but the last, `round_positions` of the student's games join. In them the teacher makes a share `mixing` of the first
    round's moves, half as many in the next, and so on. From then on, a share `on_policy` of the draws comes from them.
    `expert` names the game's own teacher of the hard moves. `temperature`, `alpha` and `feature_weight` are the loss's, as in
    `imitation.Blend`.

    The third stage watches the student in `preference_positions`; `preference_source` decides what is a mistake
    (`preference.prefer`), `anchors` is the share of pairs that are not mistakes, and `beta` is that of `preference.dpo_loss`.
    The last stage takes `grpo_share` of the steps of `grpo`, at a lower rate than usual, since the student plays well by
    then. `clip` bounds the gradients of the first three stages, `curve` is the number of points of the learning curve in each
    of them, and `checkpoint` the number of steps between checkpoints; 0 for none.
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
        """Return the number of steps of each stage that has any, in order."""
        steps: dict[StageName, int] = {
            "logits": self.logits,
            "features": self.features,
            "preferences": self.preferences,
            "grpo": round(self.grpo_share * self.grpo.steps),
        }
        return {name: count for name, count in steps.items() if count}

    def stamp(self) -> str:
        """Return all settings as text that is the same in every process, although the order of a set is not."""
        return json.dumps(self.model_dump(), default=sorted, sort_keys=True)

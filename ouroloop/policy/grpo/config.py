"""The settings of GRPO and its variants, by TRL's names; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ouroloop.policy.grpo.limits import Limits
from ouroloop.protocols.records import Loss

VariantName = Literal["grpo", "dr_grpo", "dapo", "gspo"]
Scale = Literal["group", "batch", "none"]


@dataclass(frozen=True, slots=True)
class Variant:
    """The differences of a variant, in TRL's terms.

    Args:
        loss: `loss_type`.
        level: `importance_sampling_level`.
        scale: `scale_rewards`, what advantages are divided by: the group's deviation, the batch's, or nothing.
        low, high: how far below and above 1 the ratio may go before it is clipped.
        drop: whether groups whose answers all have one reward are left out of the loss.
        resample: how often such groups are first replaced by newly measured ones.
    """

    loss: str
    level: Literal["token", "sequence"]
    scale: Scale
    low: float
    high: float
    drop: bool = False
    resample: int = 0


VARIANTS: Final[dict[VariantName, Variant]] = {
    "grpo": Variant("grpo", "token", "group", 0.2, 0.28),
    "dr_grpo": Variant("dr_grpo", "token", "none", 0.2, 0.28),
    "dapo": Variant("dapo", "token", "group", 0.2, 0.28, drop=True, resample=2),
    "gspo": Variant("grpo", "sequence", "group", 3e-4, 4e-4),
}
"""GRPO (Shao et al. 2024), Dr.GRPO (Liu et al. 2025), DAPO (Yu et al. 2025), GSPO (Zheng et al. 2025).

With answers of one token, their length norms coincide, and a sequence's ratio is its token's. What remains of Dr.GRPO is that
advantages are not divided by the group's deviation; of DAPO, the asymmetric clip and the dropped groups; of GSPO, its far
narrower clip, beyond which nearly every answer lies after one step.
"""


class GrpoConfig(BaseModel):
    """Settings of `train_grpo`; the defaults suit a 6x6 board.

    A step learns from `states` groups of `group` answers, in `parts` that go through the model one after the other; each
    batch serves `iterations` steps. `variant` names one of `VARIANTS`; `epsilon_low`, `epsilon_high` and `scale`, if given,
    replace its clip and scale. `sampler` says whether answers are drawn from the actions or from the whole vocabulary; in the
    latter, an answer that is not an action counts as a death. `cap` bounds the weight that corrects a sampler of another
    precision. `beta` weighs the KL to the policy from which the training starts, and `entropy` the policy's entropy as a bonus.

    The reward is `env_weight * r_env + gamma_r * r_spec`. During a first share `warmup` of the steps gamma_r is 0; during the
    next share of the same size it rises to its schedule. Without r_env there is no warm-up. An answer's reward is the return
    over `horizon` moves, discounted by `discount` per move; after the answer, `continuation` moves: the policy (`policy`), or
    a teacher, given by name.

    States come from `crews` times `games` games, `stagger` moves apart, that advance by `moves` between batches; a share
    `explore` of their moves is sampled, the others are the most probable.

    After every `truth_every` steps and at the end, `truth_games` held-out games are played greedily (0: never). `limits` says
    when alarms ring. `checkpoint` is the number of steps between checkpoints (0: none), rounded up to whole batches.
    `recompute` gives up a third of the speed to save the memory of activations. With `device` "cuda", the model trains and
    plays on the GPU in the precision of its weights, since a sampler of another precision would ring the alarm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=100, ge=1)
    states: int = Field(default=64, ge=1)
    group: int = Field(default=8, ge=2, le=64)
    parts: int = Field(default=1, ge=1)
    iterations: int = Field(default=2, ge=1, le=16)
    variant: VariantName = "dr_grpo"
    sampler: Literal["actions", "vocabulary"] = "actions"
    learning_rate: float = Field(default=2e-4, gt=0)
    epsilon_low: float | None = Field(default=None, gt=0, lt=1)
    epsilon_high: float | None = Field(default=None, gt=0)
    scale: Scale | None = None
    cap: float = Field(default=2.0, ge=1)
    beta: float = Field(default=0.02, ge=0)
    entropy: float = Field(default=0.0, ge=0)
    env_weight: float = Field(default=1.0, ge=0)
    warmup: float = Field(default=0.1, ge=0, le=0.5)
    horizon: int = Field(default=32, ge=1, le=256)
    discount: float = Field(default=0.97, gt=0, le=1)
    continuation: str = "cycle"
    crews: int = Field(default=6, ge=1, le=64)
    games: int = Field(default=48, ge=1)
    stagger: int = Field(default=12, ge=0)
    moves: int = Field(default=3, ge=0)
    explore: float = Field(default=0.3, ge=0, le=1)
    truth_every: int = Field(default=25, ge=0)
    truth_games: int = Field(default=48, ge=2)
    limits: Limits = Limits()
    checkpoint: int = Field(default=0, ge=0)
    recompute: bool = False
    device: Literal["cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _whole_parts(self) -> Self:
        if self.states % self.parts:
            raise ValueError(f"states {self.states} cannot be cut into {self.parts} equal parts; choose a divisor")
        return self

    def under(self, loss: Loss) -> GrpoConfig:
        """Return these settings with what a reward changes of the loss."""
        return self.model_copy(update=loss.model_dump())

    def clip(self) -> tuple[float, float]:
        """Return how far below and above 1 the ratio may go."""
        variant = VARIANTS[self.variant]
        low = variant.low if self.epsilon_low is None else self.epsilon_low
        return low, variant.high if self.epsilon_high is None else self.epsilon_high

    def scaling(self) -> Scale:
        """Return what advantages are divided by."""
        return VARIANTS[self.variant].scale if self.scale is None else self.scale

    def share(self, progress: float) -> float:
        """Return the fraction of its schedule that gamma_r has at a progress in [0, 1]."""
        if self.warmup == 0 or self.env_weight == 0:
            return 1.0
        return min(1.0, max(0.0, progress / self.warmup - 1))

    def saves(self) -> int:
        """Return the steps between checkpoints, a whole number of batches; 0 for none."""
        return -(-self.checkpoint // self.iterations) * self.iterations

    def checks(self) -> int:
        """Return how often held-out games are compared with those of the first check."""
        return -(-self.steps // self.truth_every) if self.truth_every else 0

"""The limits at which the alarms of a training ring; no torch."""

from __future__ import annotations

from pydantic import Field, field_serializer

from ouroloop.policy.report import AlarmName
from ouroloop.protocols.records import Frozen


class Limits(Frozen):
    """The limits of the alarms, and which alarms stop a training.

    `kl_old` and `kl_reference` are in nats; `clipping` is the upper end of the healthy range; `entropy` is in nats per
    answer; `diversity` is the share of groups that hold different answers; `sampler` is the largest difference of
    log-probabilities between sampler and trainer; `window` is the number of steps over which a noisy figure is averaged;
    `level` is the chance that the comparison of proxy and truth rings during a training although neither has changed.
    """

    kl_old: float = Field(default=0.03, gt=0)
    kl_reference: float = Field(default=1.0, gt=0)
    clipping: float = Field(default=0.3, gt=0, le=1)
    entropy: float = Field(default=0.01, ge=0)
    diversity: float = Field(default=0.02, ge=0, le=1)
    grad_norm: float = Field(default=20.0, gt=0)
    zero_variance: float = Field(default=0.9, ge=0, le=1)
    sampler: float = Field(default=1e-3, gt=0)
    window: int = Field(default=10, ge=1, le=1000)
    level: float = Field(default=0.01, gt=0, lt=0.5)
    stops: frozenset[AlarmName] = frozenset({"not_finite", "sampler", "first_step", "reward_hacking"})

    @field_serializer("stops")
    def _in_order(self, stops: frozenset[AlarmName]) -> list[AlarmName]:
        """Write a set always in the same order: settings are compared as text, in other processes too."""
        return sorted(stops)

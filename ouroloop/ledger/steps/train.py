"""Train: a candidate's weights after each stage, and their score if candidates are halved after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ouroloop.ledger.steps.key import Key


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a training, at the first step that raised it; see `policy.grpo.monitors`."""

    name: str
    step: int
    value: float
    bound: float
    meaning: str
    severity: str


@dataclass(frozen=True, slots=True)
class Training:
    """How a stage of a candidate's training ended.

    Args:
        policy: hash of the weights; None if the training failed.
        health: the figures of its monitors.
        alarms: the alarms that it raised.
        stopped: the alarm that ended it early, as one line.
        error: why it failed, one line.
    """

    policy: str | None
    health: dict[str, float] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    stopped: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Halving:
    """A candidate's mean utility after a stage, and the number of games played."""

    utility: float
    played: int


def train(round: int, stage: int, candidate: str) -> Key[Training]:
    """Return the step that trains a candidate for one stage."""
    return Key(f"{round}/train/{stage}/{candidate}", "policy.train", Training)


def halve(round: int, stage: int, candidate: str) -> Key[Halving]:
    """Return the step that scores a candidate after a stage."""
    return Key(f"{round}/halve/{stage}/{candidate}", "policy.evaluate", Halving)

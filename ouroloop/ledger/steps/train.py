"""Train: a candidate's weights after each stage, and their score where stages are halved."""

from __future__ import annotations

from dataclasses import dataclass, field

from ouroloop.ledger.steps.key import Key


@dataclass(frozen=True, slots=True)
class Alarm:
    """A training's alarm at its first step; see `policy.grpo.monitors`."""

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
        policy: hash of the weights; None where it failed.
        health: its monitors.
        alarms: those that rang.
        stopped: the alarm that ended it before its time, as one line.
        error: why it failed, one line.
    """

    policy: str | None
    health: dict[str, float] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    stopped: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Halving:
    """A candidate's mean utility after a stage, over so many games."""

    utility: float
    played: int


def train(round: int, stage: int, candidate: str) -> Key[Training]:
    """Return the step in which a candidate is trained."""
    return Key(f"{round}/train/{stage}/{candidate}", "policy.train", Training)


def halve(round: int, stage: int, candidate: str) -> Key[Halving]:
    """Return the step in which a candidate is scored after a stage."""
    return Key(f"{round}/halve/{stage}/{candidate}", "policy.evaluate", Halving)

"""The document of a training, which `train --json` prints and `training.json` beside the weights holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from ouroloop.protocols.records import RewardSpec

if TYPE_CHECKING:
    from ouroloop.policy.report import EvaluationDocument, TrainingReport

Kind = Literal["sft", "grpo", "distill"]


@dataclass(frozen=True, slots=True)
class Given:
    """What the command of a training was given.

    Args:
        recipe: the recipe's file.
        overrides: the values of `--set`.
        start: the policy that the training starts from, or that it distils.
        reward: the file of the reward spec.
        spec: what that file holds.
        eye: the folder of the eye, reader or encoder that the policy looks through.
    """

    recipe: Path | None = None
    overrides: tuple[str, ...] = ()
    start: str | None = None
    reward: Path | None = None
    spec: RewardSpec | None = None
    eye: Path | None = None


class AlarmDocument(TypedDict):
    """An alarm of a training, at its first step."""

    name: str
    step: int
    value: float
    bound: float
    meaning: str
    severity: str


class Training(TypedDict):
    """How a training went, and how its policy plays; see `policy.report.TrainingReport`.

    `start` is the policy that it started from or distilled; none if it made a new one. `reward` is its reward spec as JSON
    text; none if only the game's own reward counted.
    """

    kind: Kind
    policy: str
    start: str | None
    reward: str | None
    seed: int
    steps: int
    loss: list[float]
    health: dict[str, float]
    curve: list[tuple[int, float]]
    seconds: float
    alarms: list[AlarmDocument]
    stopped: str | None
    evaluation: EvaluationDocument


def training(
    kind: Kind, policy: Path, seed: int, report: TrainingReport, evaluation: EvaluationDocument, given: Given
) -> Training:
    """Return the document of a training whose policy is in a directory."""
    return {
        "kind": kind,
        "policy": str(policy),
        "start": given.start,
        "reward": None if given.spec is None else given.spec.model_dump_json(),
        "seed": seed,
        "steps": report.steps,
        "loss": list(report.loss),
        "health": dict(report.health),
        "curve": list(report.curve),
        "seconds": report.seconds,
        "alarms": [
            {
                "name": alarm.name,
                "step": alarm.step,
                "value": alarm.value,
                "bound": alarm.bound,
                "meaning": alarm.meaning,
                "severity": alarm.severity,
            }
            for alarm in report.alarms
        ],
        "stopped": report.stopped,
        "evaluation": evaluation,
    }

"""The document of a training, which `train --json` prints and `training.json` beside the weights holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from ouroloop.policy.report import EvaluationDocument, TrainingReport

Kind = Literal["sft", "grpo", "distill"]


class AlarmDocument(TypedDict):
    """An alarm of a training, at its first step."""

    name: str
    step: int
    value: float
    bound: float
    meaning: str
    severity: str


class Training(TypedDict):
    """How a training went, and how its policy plays; see `policy.report.TrainingReport`."""

    kind: Kind
    policy: str
    seed: int
    steps: int
    loss: list[float]
    health: dict[str, float]
    curve: list[tuple[int, float]]
    seconds: float
    alarms: list[AlarmDocument]
    stopped: str | None
    evaluation: EvaluationDocument


def training(kind: Kind, policy: Path, seed: int, report: TrainingReport, evaluation: EvaluationDocument) -> Training:
    """Return the document of a training whose policy is in a directory."""
    return {
        "kind": kind,
        "policy": str(policy),
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

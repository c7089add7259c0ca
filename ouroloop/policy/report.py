"""The report that a training leaves beside the weights, and its progress callback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypedDict

Progress: TypeAlias = Callable[[str, float, dict[str, float]], None]
"""Called with the name of the training (`sft`, `grpo`), its progress in [0, 1] and the step's figures."""

Severity = Literal["note", "stop"]
AlarmName = Literal[
    "not_finite",
    "sampler",
    "first_step",
    "reward_hacking",
    "score_fell",
    "kl_old",
    "kl_reference",
    "no_clipping",
    "clipping",
    "entropy",
    "diversity",
    "grad_norm",
    "zero_variance",
]


MEASURED: Final[Mapping[str, str]] = {
    "not_finite": "figures that are not finite",
    "sampler": "largest difference of log-probabilities",
    "first_step": "gradient norm",
    "reward_hacking": "change of the score",
    "score_fell": "change of the score",
    "kl_old": "nats from the sampler",
    "kl_reference": "nats from the reference",
    "no_clipping": "share clipped",
    "clipping": "share clipped",
    "entropy": "nats per answer",
    "diversity": "share of groups with different answers",
    "grad_norm": "norm before clipping",
    "zero_variance": "share of groups",
}
"""Alarm -> the name of its value."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, at its first step.

    Args:
        name: which alarm.
        step: optimizer steps made.
        value: the value found.
        bound: the limit it was compared with.
        meaning: one line on what that says about the training.
        severity: whether it stopped the training.
    """

    name: AlarmName
    step: int
    value: float
    bound: float
    meaning: str
    severity: Severity

    def __str__(self) -> str:
        """Return the alarm as one line."""
        return alarm_line(self.name, self.step, self.value, self.bound, self.meaning)


def alarm_line(name: str, step: int, value: float, bound: float, meaning: str, severity: str = "") -> str:
    """Return an alarm as one line, in which the value has a name; see `Alarm`."""
    word, noted = name.replace("_", " "), f" ({severity})" if severity else ""
    return f"{word} at step {step}{noted}: {MEASURED.get(name, word)} {value:.3g}, bound {bound:.3g}: {meaning}"


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """How a training went.

    Args:
        steps: optimizer steps made.
        loss: the loss of each step.
        health: monitors over the last tenth of the steps (SFT: `accuracy`, `entropy`, `grad_norm`; GRPO: `grpo.FIGURES` over
            at least one whole batch, the `gain` of the reward, and the results of the last check of held-out games). A figure
            that was not measured is left out.
        curve: points of the learning curve: steps made, mean score of the policy alone.
        seconds: wall time; it is ignored in comparisons, and must be left out of every hash.
        alarms: those that rang, in order.
        stopped: why the training ended early, as one line; the weights are then the last good ones.
    """

    steps: int
    loss: tuple[float, ...]
    health: Mapping[str, float]
    curve: tuple[tuple[int, float], ...] = ()
    seconds: float = field(default=0.0, compare=False)
    alarms: tuple[Alarm, ...] = ()
    stopped: str | None = None


class ScoreDocument(TypedDict):
    """A mean score with its 95 % interval."""

    mean: float
    low: float
    high: float


class EvaluationDocument(TypedDict):
    """What `eval --json` prints; fields may be added, but none is ever renamed. See `evaluation.Evaluation`."""

    games: int
    score: ScoreDocument
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    path_optimality: float
    steps_mean: float
    decisions_per_s: float
    score_sd: float
    utility: float
    causes: dict[str, float]
    choice: str
    temperature: float | None
    action_diversity: float | None
    policy_entropy: float | None
    tokens_per_decision: float | None
    tokens_per_s: float | None
    seconds: float


def silent(stage: str, progress: float, figures: dict[str, float]) -> None:
    """A `Progress` that says nothing."""

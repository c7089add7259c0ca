"""Monitors of GRPO, and the limits at which alarms ring: numbers in, records out; no torch, no trainer.

A `Watch` sees the trainer's figures at every step; a noisy figure rings by its mean over a window. Between steps the
policy plays held-out games. There the proxy (the return of the designed reward) is compared with the truth (the score).
Both are paired with the first check, so noise alone rings nothing. An alarm is a note, or it stops the training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ouroloop.policy.grpo.limits import Limits
from ouroloop.policy.report import Alarm, AlarmName
from ouroloop.protocols.records import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

WatchState: TypeAlias = dict[str, list[float] | list[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One figure with a limit.

    Args:
        alarm: the alarm that rings.
        figure: the trainer's figure; some steps do not have it.
        above: whether it rings above the limit, or else at or below it.
        smooth: whether the mean over the window counts, or else the step's own value.
        meaning: see `Alarm`.
    """

    alarm: AlarmName
    figure: str
    above: bool
    smooth: bool
    meaning: str


RULES: Final = (
    Rule("kl_old", "kl_old", True, True, "the policy moves too far on one batch: fewer iterations or a lower learning rate"),
    Rule("kl_reference", "kl", True, True, "the policy has left its reference: a larger beta, or a weaker reward"),
    Rule("clipping", "clip_off", True, True, "much of what is learned is clipped: a lower learning rate"),
    Rule("no_clipping", "clip_off", False, True, "no ratio reaches the clip although batches are used again: steps are small"),
    Rule("entropy", "entropy", False, True, "the policy has collapsed on one answer per state: nothing is explored any more"),
    Rule("diversity", "diversity", False, True, "nearly all groups agree on one answer: nothing is left to compare"),
    Rule("grad_norm", "grad_norm", True, True, "gradients are far above the clip: the steps' direction is all that is kept"),
    Rule(
        "zero_variance",
        "zero_variance",
        True,
        True,
        "hardly any group has answers of different worth: the reward is too sparse",
    ),
    Rule(
        "sampler", "sampler_gap", True, False, "sampler and trainer disagree on probabilities: the gradient is another policy's"
    ),
)
NO_CLIPPING: Final = 0.0


class Watch:
    """Checks every step's figures; each alarm rings once per training.

    Args:
        limits: when they ring.
    """

    def __init__(self, limits: Limits) -> None:
        """Begin with empty windows."""
        self.limits = limits
        self.rung: set[str] = set()
        self.windows: dict[str, deque[float]] = {rule.figure: deque(maxlen=limits.window) for rule in RULES}

    def look(self, step: int, figures: Mapping[str, float]) -> list[Alarm]:
        """Return the alarms that ring for the first time at a step.

        Args:
            step: number of optimizer steps made; the first is 1.
            figures: the step's; those of `RULES` count, and `rewarded`, the share of groups with different rewards.
        """
        found = []
        if step == 1 and figures.get("grad_norm", 1.0) == 0.0 and figures.get("rewarded", 0.0) > 0.0:
            meaning = "the first step is on policy and has groups to learn from, yet its gradient is zero: the graph is broken"
            found.append(alarm(self.limits, "first_step", step, 0.0, 0.0, meaning))
        for figure, window in self.windows.items():
            if figure in figures:
                window.append(figures[figure])
        found += [self._ring(rule, step) for rule in RULES if rule.figure in figures and self._beyond(rule)]
        fresh = [one for one in found if one.name not in self.rung]
        self.rung |= {one.name for one in fresh}
        return fresh

    def state(self) -> WatchState:
        """Return the state that a checkpoint keeps, as JSON."""
        return {"rung": sorted(self.rung), **{f"window {name}": list(window) for name, window in self.windows.items()}}

    def restore(self, state: WatchState) -> None:
        """Restore a checkpoint's state."""
        self.rung = {str(name) for name in state["rung"]}
        for name, window in self.windows.items():
            window.clear()
            window.extend(float(value) for value in state[f"window {name}"])

    def _value(self, rule: Rule) -> float:
        window = self.windows[rule.figure]
        return float(np.mean(window)) if rule.smooth else window[-1]

    def _bound(self, rule: Rule) -> float:
        return NO_CLIPPING if rule.alarm == "no_clipping" else float(getattr(self.limits, rule.alarm))

    def _beyond(self, rule: Rule) -> bool:
        window = self.windows[rule.figure]
        if rule.smooth and len(window) < self.limits.window:
            return False
        value, bound = self._value(rule), self._bound(rule)
        return value > bound if rule.above else value <= bound

    def _ring(self, rule: Rule, step: int) -> Alarm:
        return alarm(self.limits, rule.alarm, step, self._value(rule), self._bound(rule), rule.meaning)


def alarm(limits: Limits, name: AlarmName, step: int, value: float, bound: float, meaning: str) -> Alarm:
    """Return an alarm with the severity that the limits give it."""
    return Alarm(name, step, float(value), float(bound), meaning, "stop" if name in limits.stops else "note")


@dataclass(frozen=True, slots=True)
class Truth:
    """The results of held-out games, one entry per game in the order of their seeds.

    Args:
        step: number of optimizer steps made before.
        score: (N,) float64, the game's own.
        proxy: (N,) float64, the return of r_spec.
    """

    step: int
    score: NDArray[np.float64]
    proxy: NDArray[np.float64]


def paired(first: NDArray[np.float64], now: NDArray[np.float64], level: float) -> Estimate:
    """Return the mean of `now - first` with an interval; each of its two sides errs with probability `level`.

    Args:
        first: (N,) one value per game, at least one game.
        now: (N,) the same games later.
        level: of one side; normal approximation.
    """
    change = np.asarray(now, dtype=np.float64) - first
    spread = float(change.std(ddof=1) / len(change) ** 0.5) if len(change) > 1 else np.inf
    reach = NormalDist().inv_cdf(1 - level) * spread
    return Estimate(float(change.mean()), float(change.mean() - reach), float(change.mean() + reach))


def judge(first: Truth, now: Truth, checks: int, limits: Limits) -> list[Alarm]:
    """Return the alarms of a check of held-out games, compared with the first check.

    If the proxy has credibly risen while the score has credibly fallen, that is reward hacking; a fallen score alone is only
    noted.

    Args:
        first: the games before the first step.
        now: the same games now.
        checks: number of comparisons in the training; `Limits.level` is divided among them.
        limits: the level, and which alarms stop the training.
    """
    level = limits.level / max(1, checks)
    score, proxy = paired(first.score, now.score, level), paired(first.proxy, now.proxy, level)
    if score.high >= 0:
        return []
    if proxy.low > 0:
        meaning = f"the return of the reward rose by {proxy.mean:.3g} while the true score fell"
        return [alarm(limits, "reward_hacking", now.step, score.mean, 0.0, meaning)]
    return [alarm(limits, "score_fell", now.step, score.mean, 0.0, "the true score fell, and the reward's return did not rise")]


def k3(log_ratio: NDArray[np.floating]) -> float:
    """Return the k3 estimate `mean(exp(d) - d - 1)` of a KL divergence (Schulman 2020, "Approximating KL divergence").

    Args:
        log_ratio: d = log p(x) - log q(x) at draws x from q; the estimate is of KL(q || p) and never negative.
    """
    d = np.asarray(log_ratio, dtype=np.float64)
    # expm1 keeps the digits of small d; rounding could still leave such terms slightly below 0.
    return float(np.maximum(np.expm1(d) - d, 0.0).mean()) if d.size else 0.0


def zero_variance(rewards: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which groups have only one reward: (S, G) rewards to (S,) bool."""
    return np.asarray(rewards.max(axis=1) == rewards.min(axis=1))


def diversity(tokens: NDArray[np.integer]) -> float:
    """Return the share of groups that hold different answers: (S, G) tokens."""
    return float((tokens != tokens[:, :1]).any(axis=1).mean()) if len(tokens) else 0.0

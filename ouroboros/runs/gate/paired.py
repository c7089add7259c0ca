"""The paired games: candidate against incumbent on common seeds, under a sequential test that stops as soon as it may."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ouroboros.protocols.records import Effect
from ouroboros.runs.gate.betting import BettingTest

INTERVAL_ALPHA = 0.05
WORSE_ALPHA = 0.05
Play = Callable[[int, int], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""(first game, games) -> utilities of the candidate and of the incumbent, each (games,)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the games say.

    Args:
        better: the null "not better" is rejected at `alpha`.
        reason: why the test stopped, one line.
        effect: mean paired difference of utility with its 95 % anytime-valid interval.
        e_value: evidence against the null, capped at 1e12.
        alpha: the share of the run's error budget that this test had.
    """

    better: bool
    reason: str
    effect: Effect
    e_value: float
    alpha: float


def judge(play: Play, *, alpha: float, games: int, batch: int, futility: float) -> Judgement:
    """Play until the candidate is shown better or worse, is futile, or `games` pairs are played.

    Futile is a candidate that cannot gain `futility` any more, or whose evidence, growing twice as fast as so far, would not
    do within the budget. Stopping to reject costs power and never validity.
    """
    test = BettingTest()
    while True:
        count = min(batch, games - test.games)
        candidate, incumbent = play(test.games, count)
        test.add(candidate - incumbent)
        reason = _verdict(test, alpha, games, futility)
        if reason is not None:
            low, high = test.interval(INTERVAL_ALPHA)
            better = test.log_e_better >= -math.log(alpha)
            e_value = float(f"{math.exp(min(test.log_e_better, math.log(1e12))):.6g}")
            effect = Effect(round(test.mean, 9), round(low, 6), round(high, 6), test.games)
            return Judgement(better, reason, effect, e_value, alpha)


def _verdict(test: BettingTest, alpha: float, games: int, futility: float) -> str | None:
    """Return the reason to stop now, or None to play on."""
    n = test.games
    if test.log_e_better >= -math.log(alpha):
        return f"better: e-value {_number(test.log_e_better)} >= {1 / alpha:.3g} after {n} pairs"
    if test.log_e_worse >= -math.log(WORSE_ALPHA):
        return f"worse: e-value {_number(test.log_e_worse)} >= {1 / WORSE_ALPHA:.3g} after {n} pairs"
    if test.interval(INTERVAL_ALPHA)[1] < futility:
        return f"futile: the gain is under {futility:g} after {n} pairs"
    needed, hoped = -math.log(alpha), 2 * test.log_e_better * games / n
    if n >= games / 3 and hoped < needed:
        return f"futile: e-value {_number(test.log_e_better)} after {n} pairs, {1 / alpha:.3g} is out of reach in {games}"
    if n >= games:
        return f"not shown better: e-value {_number(test.log_e_better)} < {1 / alpha:.3g} after all {n} pairs"
    return None


def _number(log_value: float) -> str:
    return f"{math.exp(min(log_value, 27.6)):.3g}"

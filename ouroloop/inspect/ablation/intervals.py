"""The statistics of an ablation: trainings are the units, so a seed counts once, however many games it played.

Runs with the same seed form a pair. The interval is Student's t over the pairs' differences, with n - 1 degrees of freedom.
Its level is divided by the number of arms compared with the baseline (Bonferroni), so all intervals hold together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL: Final = 0.95
"""The probability that all intervals of an ablation hold."""
POWER: Final = 0.8
MOST_SEEDS: Final = 10_000
DECIMALS: Final = 9
"""Differences are rounded to this many decimals, so that rounding errors are no spread."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean paired difference with its interval, the spread that it comes from, and the seeds that it would need.

    `low` and `high` are None for a single pair and for equal differences, because neither says how much seeds differ.
    """

    difference: float
    low: float | None
    high: float | None
    sd: float | None
    seeds_needed: int | None


def interval(differences: NDArray[np.float64], comparisons: int, most: float = math.inf) -> Interval:
    """Return the interval of a mean paired difference.

    Args:
        differences: one per seed, (n,) float64.
        comparisons: number of arms compared with the baseline.
        most: the largest possible difference; no bound is further from 0.
    """
    exact = np.round(differences, DECIMALS)
    mean = float(exact.mean())
    if len(exact) < 2:
        return Interval(mean, None, None, None, None)
    if np.ptp(exact) == 0:
        return Interval(mean, None, None, 0.0, None)
    sd, half = float(exact.std(ddof=1)), float(half_width(exact, comparisons))
    return Interval(mean, max(-most, mean - half), min(most, mean + half), sd, seeds_needed(mean, sd, comparisons))


def half_width(differences: NDArray[np.float64], comparisons: int, level: float = LEVEL) -> NDArray[np.float64]:
    """Return half the width of Student's interval along the last axis: (..., n) -> (...).

    Args:
        differences: one per seed.
        comparisons: number of intervals that are to hold together.
        level: the probability that they do.
    """
    n = differences.shape[-1]
    half: NDArray[np.float64] = critical(n, comparisons, level) * differences.std(axis=-1, ddof=1) / math.sqrt(n)
    return half


def critical(n: int, comparisons: int, level: float = LEVEL) -> float:
    """Return the quantile of Student's t for n pairs: two-sided, Bonferroni over the comparisons."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 1 - (1 - level) / (2 * comparisons)))


def power(n: int, difference: float, sd: float, comparisons: int) -> float:
    """Return the chance that the interval of n pairs leaves 0 out (noncentral t distribution)."""
    from scipy.stats import nct

    bar, shift = critical(n, comparisons), abs(difference) / sd * math.sqrt(n)
    return float(np.nan_to_num(nct.sf(bar, n - 1, shift)) + np.nan_to_num(nct.cdf(-bar, n - 1, shift)))


def seeds_needed(difference: float, sd: float, comparisons: int) -> int | None:
    """Return the fewest seeds that show a difference of this size and spread with a chance of 0.8.

    The answer takes the observed figures for the true ones, so from a handful of seeds it is rough. None if it is more than
    10 000, as it is for a difference of 0.
    """

    def reached(n: int) -> bool:
        return power(n, difference, sd, comparisons) >= POWER

    if difference == 0 or not reached(MOST_SEEDS):
        return None
    low, high = 1, 2
    while not reached(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high

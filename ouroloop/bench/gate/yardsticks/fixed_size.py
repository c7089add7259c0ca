"""A fixed-size paired t-test with the same error and power: the pairs it needs, its power, and Wald's ratio to it."""

from __future__ import annotations

import math
from typing import Final

from ouroloop.bench.timing import significant

ALPHA: Final = 0.05


def fixed_size(spread: float, gain: float, alpha: float, power: float) -> int:
    """Return the pairs that a one-sided paired t-test needs (noncentral t distribution), found by bisection."""
    from scipy.stats import nct, t

    def reached(n: int) -> float:
        return float(nct.sf(t.isf(alpha, n - 1), n - 1, gain / spread * math.sqrt(n)))

    low, high = 2, 4
    while reached(high) < power:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return high


def wald_ratio(alpha: float, power: float) -> float:
    """Return the pairs of a sequential test of two simple normal hypotheses, divided by those of the fixed-size test.

    Wald (1945), "Sequential tests of statistical hypotheses", section 4.3: no test of this error and power needs fewer pairs
    on average, and Wald's test knows variance and gain.
    """
    from scipy.stats import norm

    beta = max(1e-3, 1 - power)
    mean = (1 - beta) * math.log((1 - beta) / alpha) + beta * math.log(beta / (1 - alpha))
    return float(2 * mean / (norm.isf(alpha) + norm.isf(beta)) ** 2)


def t_test_power(spread: float, gain: float, games: int) -> float:
    """Return how often a one-sided paired t-test with this many pairs finds a gain."""
    from scipy.stats import nct, t

    return significant(float(nct.sf(t.isf(ALPHA, games - 1), games - 1, gain / spread * math.sqrt(games))))

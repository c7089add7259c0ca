"""The largest power that any test can have against a known alternative, by dynamic programming over stakes.

The null is the gate's own: differences in [-1, 1] whose mean, given the past, is at most 0. Take any test of at most n pairs
whose chance to accept is at most alpha under *every* such process, sequential or not, randomised or not. By the duality of
superhedging (Shafer and Vovk 2019, "Game-Theoretic Foundations for Probability and Finance") a gambler with the capital alpha
can bet so that the capital ends at 1 or more whenever that test accepts. Betting is therefore no restriction, and with the
share z of the goal that the gambler has, the largest power is

    V_0(z) = z                                          a last look: accept with probability z
    V_k(z) = max over stakes s in [0, 1] of E V_{k-1}(min(1, z (1 + s X)))

with the expectation over the alternative, which this gambler knows. The gate does not know it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SWING: Final = 1.5
"""Size of a difference that is no tie, in standard deviations: four or five pairs of nine are then no ties."""
POINTS: Final = 1500
"""Shares of the goal at which V is kept; between them it is interpolated, which makes the power found a lower bound."""
LEAST: Final = 1e-7
"""The smallest share kept; from there to 0, V is linear."""
CUTS: Final = 22
"""Golden cuts of the interval of stakes: V is concave, so the best one is found to 3e-5."""
GOLDEN: Final = (math.sqrt(5) - 1) / 2


def three_points(spread: float, gain: float) -> tuple[Floats, Floats]:
    """Return the values -d, 0, d with d = `SWING` spreads, and their probabilities, with this mean and standard deviation.

    Raises:
        ValueError: the gain is too large for the spread, or a value lies outside [-1, 1].
    """
    d = SWING * spread
    moved = (spread**2 + gain**2) / d**2
    shares = np.array([(moved - gain / d) / 2, 1 - moved, (moved + gain / d) / 2])
    if d > 1 or np.any(shares < 0):
        raise ValueError(f"no three-point law in [-1, 1] has the spread {spread:g} and the gain {gain:g}")
    return np.array([-d, 0.0, d]), shares


def best_power(values: Floats, shares: Floats, alpha: float, games: int, *, points: int = POINTS) -> float:
    """Return the largest power of a level-alpha test of at most `games` pairs against this law of a difference.

    Args:
        values: (m,) in [-1, 1].
        shares: (m,) their probabilities.
        alpha: level, at least `LEAST`.
        games: most pairs.
        points: shares of the goal at which the power is kept.
    """
    z = np.concatenate(([0.0], np.geomspace(LEAST, 1, points)))
    power = z
    for _ in range(games):
        power = _one_more(z, power, values, shares)
    return float(np.interp(alpha, z, power))


def _one_more(z: Floats, power: Floats, values: Floats, shares: Floats) -> Floats:
    """Return the power at each share of the goal with one more pair, (P,), by golden section over the stakes."""

    def after(stakes: Floats) -> Floats:
        parts = (p * np.interp(np.minimum(1, z * (1 + stakes * x)), z, power) for x, p in zip(values, shares, strict=True))
        total: Floats = np.sum(list(parts), axis=0)
        return total

    low, high = np.zeros_like(z), np.ones_like(z)
    for _ in range(CUTS):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        left = after(first) >= after(second)
        low, high = np.where(left, low, first), np.where(left, second, high)
    more: Floats = np.maximum(power, np.maximum(after((low + high) / 2), after(np.ones_like(z))))
    return more

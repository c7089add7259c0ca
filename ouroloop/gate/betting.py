"""Testing by betting: e-processes and a confidence sequence for the mean of paired differences in [-1, 1].

A gambler starts with a capital of 1 and, before each game, stakes a share of it on "the mean is above m". If the mean
is at most m, the capital is a supermartingale. By Ville's inequality the probability that it ever reaches 1/alpha is
then at most alpha, at whatever time one looks and whatever came before (Waudby-Smith and Ramdas 2024, "Estimating means of
bounded random variables by betting", sections 2 to 4). The choice of stakes affects only the power.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CAP: Final = 0.98
"""Largest share of the capital that one game may cost: a stake leaves at least 1 - CAP of it at the worst outcome."""
CAUTION: Final = 1.0
"""A bet on a gain above the planned one counts only the part that exceeds this many standard errors."""
PRIOR_VARIANCE: Final = 0.05
"""Variance of a difference before any is seen, worth `PRIOR_GAMES` games: that of two unrelated, medium-strength players."""
PRIOR_GAMES: Final = 8
HOPE: Final = 2.0
"""How many standard errors above the observed mean a candidate may still hope for."""
FRACTIONS: Final[Floats] = np.geomspace(0.02, 0.98, 24)
"""Constant stakes over which the confidence sequence mixes."""
PRECISION: Final = 1e-5
"""Precision of the confidence bounds."""
CHUNK: Final = 1 << 14


def bounded(differences: Floats) -> Floats:
    """Return (n,) differences as float64.

    Raises:
        ValueError: one is not finite or lies outside [-1, 1].
    """
    x = np.asarray(differences, dtype=np.float64)
    if not np.all(np.isfinite(x)) or np.any(np.abs(x) > 1):
        raise ValueError("paired differences must lie in [-1, 1]")
    return x


class Wager:
    """The capital of one gambler who bets that the mean of x in [-1, 1] is above `against`.

    The stake is g / (v + g^2), with the variance v observed so far: if the mean exceeds `against` by g, the capital then
    grows fastest, to second order. This g is `gain`, or more if the past shows more. A bet on the smallest gain worth having
    is the growth-rate optimal e-value against that alternative (Grünwald, de Heide and Koolen 2024, "Safe testing", section
    4), and as good as Wald's sequential test against it. If such a small excess could not bring the capital to the bar in
    the remaining games, g is the least excess that could: sqrt(2 v bar / games).

    Args:
        against: the null is "the mean is at most this".
        gain: smallest excess of interest, in units of x.
        bar: log capital at which the gambler stops betting; later outcomes change nothing.
        horizon: games available; None for no limit.
    """

    def __init__(self, against: float = 0.0, gain: float = 0.03, bar: float = math.inf, horizon: int | None = None) -> None:
        """Start with a capital of 1."""
        self.against, self.gain, self.bar = against, gain, bar
        self._pace = 2 * bar / horizon if horizon is not None else 0.0
        self.log_e = 0.0
        self.stakes: Floats = np.zeros(0)
        self._games, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, x: Floats) -> None:
        """Bet on (n,) outcomes, one after the other; splitting them over several calls makes no difference."""
        y = np.asarray(x, dtype=np.float64) - self.against
        sums = np.cumsum(np.concatenate(([self._sum], y)))
        squares = np.cumsum(np.concatenate(([self._squares], y * y)))
        stakes = self._stakes(self._games + np.arange(len(y)), sums[:-1], squares[:-1])
        logs = np.cumsum(np.concatenate(([self.log_e], np.log1p(stakes * y))))
        over = np.flatnonzero(logs >= self.bar)
        self.log_e = float(logs[over[0]] if len(over) else logs[-1])
        self.stakes = np.concatenate((self.stakes, stakes))
        self._games, self._sum, self._squares = self._games + len(y), float(sums[-1]), float(squares[-1])

    def _stakes(self, games: NDArray[np.int64], sums: Floats, squares: Floats) -> Floats:
        """Return the stakes (n,) that follow from the games, sums and squares (n,) before each bet."""
        seen = np.maximum(games, 1)
        mean = sums / seen
        variance = self._variance(games, mean, squares)
        shown = mean - CAUTION * np.sqrt(variance / seen)
        gain = np.maximum(np.maximum(self.gain, shown), np.sqrt(self._pace * variance))
        stakes: Floats = np.minimum(gain / (variance + gain * gain), CAP / (1 + self.against))
        return stakes

    def _variance(self, games: Any, mean: Any, squares: Any) -> Any:
        """Return the variance estimated from this many games and the prior's; numbers or (n,) arrays."""
        return (PRIOR_GAMES * PRIOR_VARIANCE + np.maximum(squares - games * mean * mean, 0)) / (PRIOR_GAMES + games)

    @property
    def won(self) -> bool:
        """Whether the capital has reached the bar."""
        return self.log_e >= self.bar

    def reach(self, games: int) -> float:
        """Return the log capital that this many more games could bring, given a hopeful mean and some luck.

        The hope is the smallest gain of interest, or `HOPE` standard errors above the observed mean; the luck is one more.
        """
        seen = max(1, self._games)
        mean = self._sum / seen
        variance = float(self._variance(self._games, mean, self._squares))
        hoped = min(1.0, max(self.gain, mean + HOPE * math.sqrt(variance / seen)))
        stake = float(np.minimum(hoped / (variance + hoped * hoped), CAP / (1 + self.against)))
        growth = math.log1p(stake * hoped) - stake * stake * variance / (2 * (1 + stake * hoped) ** 2)
        return self.log_e + games * growth + stake * math.sqrt(games * variance)


class PairedTest:
    """Candidate minus incumbent on common seeds: is the mean above 0, or is it below the gain worth having?

    Args:
        alpha: largest chance that a candidate that is not better counts as better, at whatever time one looks.
        beta: largest chance that the bets refute a gain of `gain` although it is that or more.
        gain: smallest gain of utility worth having.
        games: most pairs; None for no limit.
    """

    def __init__(self, *, alpha: float, beta: float, gain: float, games: int | None = None) -> None:
        """Start with no game."""
        self.better = Wager(0.0, gain, -math.log(alpha), games)
        self.futile = Wager(-gain, 2 * gain, -math.log(beta))  # aimed at clear losers, which should leave early
        self._worse = Wager(0.0, gain)
        self.differences: Floats = np.zeros(0)

    def add(self, differences: Floats) -> None:
        """Add (n,) differences in [-1, 1], in the order of their seeds.

        Raises:
            ValueError: a difference is not finite or lies outside.
        """
        x = bounded(differences)
        self.differences = np.concatenate((self.differences, x))
        self.better.add(x)
        self.futile.add(-x)
        self._worse.add(-x)

    @property
    def games(self) -> int:
        """Pairs so far."""
        return len(self.differences)

    @property
    def mean(self) -> float:
        """Mean difference so far; 0 before any game."""
        return float(self.differences.mean()) if self.games else 0.0

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the confidence sequence's current interval: it covers the mean at all times with probability 1 - alpha."""
        x, bar = self.differences, math.log(2 / alpha)
        low = lowest_mean(x, self.better.stakes, bar)
        return low, -lowest_mean(-x, self._worse.stakes, bar)


def lowest_mean(x: Floats, stakes: Floats, bar: float) -> float:
    """Return the lowest mean that bets on "the mean is above it" do not refute.

    Args:
        x: (n,) differences.
        stakes: (n,) the test's own; they form half of the capital, a mixture over `FRACTIONS` the other half.
        bar: log capital that refutes a mean.

    The capital falls as the hypothetical mean rises (Waudby-Smith and Ramdas 2024, section 4.4), so the bound is found
    by bisection.
    """
    return bisected(lambda mean: log_capital(x, stakes, mean) >= bar, -1.0, 1.0)


def log_capital(x: Floats, stakes: Floats, mean: float) -> float:
    """Return the log capital of the bets against "the mean is at most `mean`"; -1 can never be refuted."""
    if mean <= -1:
        return math.inf
    y, own, mixed = x - mean, 0.0, np.zeros(len(FRACTIONS))
    for start in range(0, len(y), CHUNK):
        part = y[start : start + CHUNK]
        own += float(np.log1p(np.minimum(stakes[start : start + CHUNK], CAP / (1 + mean)) * part).sum())
        mixed += np.log1p(np.multiply.outer(FRACTIONS / (1 + mean), part)).sum(axis=1)
    return float(np.logaddexp(own, np.logaddexp.reduce(mixed) - math.log(len(FRACTIONS))) - math.log(2))


def bisected(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return, from below and within `PRECISION`, the point where a property that holds at `low` ceases to hold."""
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low

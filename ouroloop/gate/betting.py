"""Testing by betting: e-processes and a confidence sequence for the mean of paired differences in [-1, 1].

A gambler starts with a capital of 1 and, before each game, stakes a share of it on "the mean is above m". If the mean
is at most m, the capital is a supermartingale. By Ville's inequality the probability that it ever reaches 1/alpha is
then at most alpha, whenever one looks and whatever was seen before (Waudby-Smith and Ramdas 2024, "Estimating means of
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
"""Most that one game may cost: a stake leaves at least 1 - CAP of the capital at the worst outcome."""
CAUTION: Final = 1.0
"""A gain above the planned one is bet on as far as it exceeds so many standard errors."""
PRIOR_VARIANCE: Final = 0.05
"""Variance of a difference before any is seen, worth `PRIOR_GAMES` games: that of two unrelated players of middling luck."""
PRIOR_GAMES: Final = 8
HOPE: Final = 2.0
"""Standard errors above the mean seen that a candidate may still hope for."""
FRACTIONS: Final[Floats] = np.geomspace(0.02, 0.98, 24)
"""Constant stakes over which the confidence sequence mixes."""
PRECISION: Final = 1e-5
"""To which the confidence bounds are found."""
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

    The stake is g / (v + g^2), with the variance v seen so far: to second order the capital then grows fastest if the
    mean exceeds `against` by g. This g is `gain`, or more where the past shows more. A bet on the smallest gain worth
    having is the growth-rate optimal e-value against that alternative (Grünwald, de Heide and Koolen 2024, "Safe
    testing", section 4), and as good as Wald's sequential test against it. If so small an excess could not bring the
    capital to the bar in the games at hand, g is the least excess that could: sqrt(2 v bar / games).

    Args:
        against: the null is "the mean is at most this".
        gain: smallest excess of interest, in units of x.
        bar: log capital at which the gambler stops betting; what comes later changes nothing.
        horizon: games at hand; None for no end.
    """

    def __init__(self, against: float = 0.0, gain: float = 0.03, bar: float = math.inf, horizon: int | None = None) -> None:
        """Start with a capital of 1."""
        self.against, self.gain, self.bar = against, gain, bar
        self._pace = 2 * bar / horizon if horizon is not None else 0.0
        self.log_e = 0.0
        self.stakes: Floats = np.zeros(0)
        self._games, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, x: Floats) -> None:
        """Bet on (n,) outcomes, one after the other; in how many calls they arrive makes no difference."""
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
        """Return the variance that so many games show, with the prior's; numbers or (n,) arrays."""
        return (PRIOR_GAMES * PRIOR_VARIANCE + np.maximum(squares - games * mean * mean, 0)) / (PRIOR_GAMES + games)

    @property
    def won(self) -> bool:
        """Whether the capital has reached the bar."""
        return self.log_e >= self.bar

    def reach(self, games: int) -> float:
        """Return the log capital that so many more games could bring if the mean were higher than seen, and with some luck.

        The hope is the smallest gain of interest or `HOPE` standard errors above what was seen, the luck one standard error.
        """
        seen = max(1, self._games)
        mean = self._sum / seen
        variance = float(self._variance(self._games, mean, self._squares))
        hoped = min(1.0, max(self.gain, mean + HOPE * math.sqrt(variance / seen)))
        stake = float(np.minimum(hoped / (variance + hoped * hoped), CAP / (1 + self.against)))
        growth = math.log1p(stake * hoped) - stake * stake * variance / (2 * (1 + stake * hoped) ** 2)
        return self.log_e + games * growth + stake * math.sqrt(games * variance)


class PairedTest:
    """Candidate minus incumbent on common seeds: is the mean above 0, or is it under the gain worth having?

    Args:
        alpha: chance, at most, that a candidate which is not better counts as better, at whatever time one looks.
        beta: chance, at most, that bets refute a gain of `gain` where it is that or more.
        gain: smallest gain of utility worth having.
        games: pairs at most; None for no end.
    """

    def __init__(self, *, alpha: float, beta: float, gain: float, games: int | None = None) -> None:
        """Start with no game."""
        self.better = Wager(0.0, gain, -math.log(alpha), games)
        self.futile = Wager(-gain, 2 * gain, -math.log(beta))  # set on clear losers, which are to go early
        self._worse = Wager(0.0, gain)
        self.differences: Floats = np.zeros(0)

    def add(self, differences: Floats) -> None:
        """Take in (n,) differences in [-1, 1] in the order of their seeds.

        Raises:
            ValueError: one is not finite or lies outside.
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
        """Return the confidence sequence's present interval: it covers the mean at all times with probability 1 - alpha."""
        x, bar = self.differences, math.log(2 / alpha)
        low = lowest_mean(x, self.better.stakes, bar)
        return low, -lowest_mean(-x, self._worse.stakes, bar)


def lowest_mean(x: Floats, stakes: Floats, bar: float) -> float:
    """Return the least mean that bets on "the mean is above it" do not refute.

    Args:
        x: (n,) differences.
        stakes: (n,) the test's own; they make up half of the capital, a mixture over `FRACTIONS` the other half.
        bar: log capital that refutes.

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
    """Return where a property that holds at `low` ceases to, from below, within `PRECISION`."""
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low

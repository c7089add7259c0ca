"""Testing by betting: e-processes and a confidence sequence for the mean of paired differences in [-1, 1].

A gambler starts with a capital of 1 and, before each game, stakes a share of it on "the mean is above m". If the mean
is at most m, the capital is a supermartingale. By Ville's inequality the probability that it ever reaches 1/alpha is
then at most alpha, at whatever time one looks and whatever came before (Waudby-Smith and Ramdas 2024, "Estimating means of
bounded random variables by betting", sections 2 to 4). The choice of stakes affects only the power.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CAP: Final = 0.98
"""Largest share of the capital that one game may cost: a stake leaves at least 1 - CAP of it at the worst outcome."""
CAUTION: Final = 1.0
"""A bet on a gain above the planned one counts only the part that exceeds this many standard errors."""
CAUTION_PACED: Final = 2.0
"""The same for a gambler with a horizon, whose pace already finds what the planned gain would miss."""
BEYOND: Final = 0.2
"""The pace aims this far above the bar, in log capital: outcomes are steps, and a gambler who aims at the bar stops short."""
PRIOR_VARIANCE: Final = 0.05
"""Variance of a difference before any is seen, worth `PRIOR_GAMES` games: that of two unrelated, medium-strength players."""
PRIOR_GAMES: Final = 8
FRACTIONS: Final[Floats] = np.geomspace(0.02, 0.98, 24)
"""Constant stakes over which the confidence sequence mixes."""
PRECISION: Final = 1e-5
"""Precision of the confidence bounds."""
CHUNK: Final = 1 << 14
NORMAL: Final = NormalDist()
MOST: Final = math.log(1e12)
"""Log of the highest e-value reported."""
FAR: Final = 500.0
"""Log capital still to win beyond which the normal tail is taken from its expansion."""


def e_value(log_e: float) -> float:
    """Return the e-value to report for a log capital: at most 1e12."""
    return math.exp(min(log_e, MOST))


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
    4), and as good as Wald's sequential test against it.

    With a horizon, the stake is at least the pace: what brings the capital from where it is to the bar in the games that are
    left, with the largest probability; see `pace`. Every stake depends only on the past, the bar and the horizon, which
    are fixed before the first game. The capital is therefore a supermartingale under the null, with a horizon or without.

    Args:
        against: the null is "the mean is at most this".
        gain: smallest excess of interest, in units of x.
        bar: log capital at which the gambler stops betting; later outcomes change nothing.
        horizon: games available; None for no limit.
    """

    def __init__(self, against: float = 0.0, gain: float = 0.03, bar: float = math.inf, horizon: int | None = None) -> None:
        """Start with a capital of 1."""
        self.against, self.gain, self.bar, self.horizon = against, gain, bar, horizon
        self.log_e = 0.0
        self.stakes: Floats = np.zeros(0)
        self._caution = CAUTION if horizon is None else CAUTION_PACED
        self._most = CAP / (1 + against)
        self._games, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, x: Floats) -> None:
        """Bet on (n,) outcomes, one after the other; splitting them over several calls makes no difference."""
        y = np.asarray(x, dtype=np.float64) - self.against
        sums = np.cumsum(np.concatenate(([self._sum], y)))
        squares = np.cumsum(np.concatenate(([self._squares], y * y)))
        games = self._games + np.arange(len(y))
        mean = sums[:-1] / np.maximum(games, 1)
        variance = self._variance(games, mean, squares[:-1])
        gain = np.maximum(self.gain, mean - self._caution * np.sqrt(variance / np.maximum(games, 1)))
        stakes = np.minimum(gain / (variance + gain * gain), self._most)
        bet = self._bet if self.horizon is None or self.bar == math.inf else self._bet_paced
        self.log_e, stakes = bet(y, stakes, variance)
        self.stakes = np.concatenate((self.stakes, stakes))
        self._games, self._sum, self._squares = self._games + len(y), float(sums[-1]), float(squares[-1])

    def _bet(self, y: Floats, stakes: Floats, variance: Floats) -> tuple[float, Floats]:
        """Return the log capital after bets (n,) with these stakes, and the stakes."""
        logs = np.cumsum(np.concatenate(([self.log_e], np.log1p(stakes * y))))
        over = np.flatnonzero(logs >= self.bar)
        return float(logs[over[0]] if len(over) else logs[-1]), stakes

    def _bet_paced(self, y: Floats, stakes: Floats, variance: Floats) -> tuple[float, Floats]:
        """Return the same where a stake depends on the capital before it, and is at least the pace."""
        assert self.horizon is not None
        log_e, made = self.log_e, stakes.copy()
        for i, (outcome, spread) in enumerate(zip(y.tolist(), variance.tolist(), strict=True)):
            if log_e >= self.bar:
                break
            needed = pace(self.bar - log_e + BEYOND, self.horizon - self._games - i, spread)
            made[i] = min(max(made[i], needed), self._most)
            log_e += math.log1p(made[i] * outcome)
        return log_e, made

    def _variance(self, games: Any, mean: Any, squares: Any) -> Any:
        """Return the variance estimated from this many games and the prior's; numbers or (n,) arrays."""
        return (PRIOR_GAMES * PRIOR_VARIANCE + np.maximum(squares - games * mean * mean, 0)) / (PRIOR_GAMES + games)

    @property
    def won(self) -> bool:
        """Whether the capital has reached the bar."""
        return self.log_e >= self.bar

    def chance(self, games: int) -> float:
        """Return the chance that this many more games bring the capital to the bar, over all means that the past leaves open.

        It is predictive power (Spiegelhalter, Freedman and Blackburn 1986): the normal probability that the pace reaches the
        bar, `Phi(Phi^-1(capital / bar) + mean / sd sqrt(games))`, averaged over means around the observed one.
        """
        seen = max(1, self._games)
        mean = self._sum / seen
        variance = float(self._variance(self._games, mean, self._squares))
        away = _tail(self.bar - self.log_e) - mean * math.sqrt(games / variance)
        return NORMAL.cdf(-away / math.sqrt(1 + games / seen))


def pace(needed: float, games: int, variance: float) -> float:
    """Return the stake with the largest probability of reaching a goal at a deadline.

    With `z = exp(-needed)`, the share of the goal that the capital is, the stake is `phi(Phi^-1(z)) / (z sqrt(v games))`
    (Browne 1999, "Reaching goals by a deadline", for normal steps). It does not depend on the mean, and makes the bets as
    powerful as the z-test of the same size. Its expansion for small z is `sqrt(2 needed / (v games))`: STaR-Bets (Voracek
    and Orabona 2025). The optimum for bounded outcomes bends the same way (Taga, Oymak and Shekhar 2026).

    Args:
        needed: log capital still to win.
        games: games left; without any, the stake is 0.
        variance: of an outcome.
    """
    if games <= 0:
        return 0.0
    away = _tail(needed)
    density = math.exp(needed - away * away / 2) / math.sqrt(2 * math.pi) if needed < FAR else away
    return density / math.sqrt(variance * games)


def _tail(needed: float) -> float:
    """Return the x that a standard normal exceeds with probability `exp(-needed)`."""
    if needed < FAR:
        return -NORMAL.inv_cdf(math.exp(-max(needed, 1e-12)))
    return math.sqrt(2 * needed - math.log(4 * math.pi * needed))


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
        self._up, self._down = Wager(0.0, gain), Wager(0.0, gain)  # stakes for either end of the interval
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
        self._up.add(x)
        self._down.add(-x)

    @property
    def games(self) -> int:
        """Pairs so far."""
        return len(self.differences)

    @property
    def mean(self) -> float:
        """Mean difference so far; 0 before any game."""
        return float(self.differences.mean()) if self.games else 0.0

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return an interval that covers the mean with probability 1 - alpha, at all times together.

        It is the intersection of the confidence sequence's intervals after each game so far, widened to hold the mean
        observed if that has drifted out of it.
        """
        x, bar = self.differences, math.log(2 / alpha)
        low, high = lowest_mean(x, self._up.stakes, bar), -lowest_mean(-x, self._down.stakes, bar)
        return min(low, self.mean), max(high, self.mean)


def capitals(x: Floats, *, alpha: float, gain: float, games: int | None = None) -> Floats:
    """Return the log capital of a `PairedTest`'s bets against "not better" after each of (n,) differences: (n,).

    Args:
        x: the differences, in the order of their seeds.
        alpha: the level of the test.
        gain: smallest gain worth having.
        games: most pairs; None for no limit.
    """
    wager, found = Wager(0.0, gain, -math.log(alpha), games), np.empty(len(x))
    for place, outcome in enumerate(bounded(x)):
        wager.add(np.array([outcome]))
        found[place] = wager.log_e
    return found


def lowest_mean(x: Floats, stakes: Floats, bar: float) -> float:
    """Return the lowest mean that bets on "the mean is above it" have not refuted after any game.

    Args:
        x: (n,) differences.
        stakes: (n,) a gambler's; they form half of the capital, a mixture over `FRACTIONS` the other half.
        bar: log capital that refutes a mean.

    The capital falls as the hypothetical mean rises (Waudby-Smith and Ramdas 2024, section 4.4), and so does the highest
    capital so far. The bound is therefore found by bisection.
    """
    return bisected(lambda mean: log_capital(x, stakes, mean) >= bar, -1.0, 1.0)


def log_capital(x: Floats, stakes: Floats, mean: float) -> float:
    """Return the highest log capital so far of bets against "the mean is at most `mean`"; -1 can never be refuted."""
    if mean <= -1:
        return math.inf
    y, best = x - mean, 0.0
    own, mixed = np.zeros(1), np.zeros((len(FRACTIONS), 1))
    for start in range(0, len(y), CHUNK):
        part = y[start : start + CHUNK]
        own = own[-1] + np.log1p(np.minimum(stakes[start : start + CHUNK], CAP / (1 + mean)) * part).cumsum()
        mixed = mixed[:, -1:] + np.log1p(np.multiply.outer(FRACTIONS / (1 + mean), part)).cumsum(axis=1)
        top = mixed.max(axis=0)
        mixture = top + np.log(np.exp(mixed - top).mean(axis=0))
        best = max(best, float(np.logaddexp(own, mixture).max()) - math.log(2))
    return best


def bisected(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return, from below and within `PRECISION`, the point where a property that holds at `low` ceases to hold."""
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low

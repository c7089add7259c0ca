"""What games show of a player: its mean score and the share of games that it wins, with intervals that hold for few games.

A strong player fills 99 boards of 100. Most samples of 48 such games are all alike, so an interval that looks only at the
sample's spread (a bootstrap, Student's t) has no width and covers the mean in a third of the cases. These intervals also count
what a sample cannot show: a score may be anything from 0 to the best possible one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.protocols.records import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVEL: Final = 0.95
"""Coverage of an interval."""
MOST_STAKED: Final = 0.97
"""Largest share of the capital that one game may cost."""
PRIOR_GAMES: Final = 4
"""Games that the largest possible variance is worth, beside what was seen."""
LOOKS: Final = 256
"""How often at most the stakes are set anew; in larger samples, several games are bet on with one stake."""
GRID: Final = 64
"""Hypothetical means that are tried at once, in each of two passes: the ends are exact to 1 / GRID^2 of the range."""


def score_interval(scores: NDArray[np.generic] | Sequence[float], bound: float | None, *, level: float = LEVEL) -> Estimate:
    """Return the mean score with an interval for a fixed number of games.

    If scores have a bound, either end is found by betting (Waudby-Smith and Ramdas 2024, "Estimating means of
    bounded random variables by betting", section 3), with the stakes of STaR-Bets (Voracek and Orabona 2025). It covers with
    probability `level` at least, for every distribution on [0, bound] and every number of games. The games' order matters a
    little, since each stake depends on the games before it.

    If they have none, or a score is below 0, no interval can promise that. It is then Student's t (1908), and
    reaches at least as far down as the betting interval would if nothing above the highest score seen were possible. Its
    upper end after a single game is that game's score.

    Args:
        scores: (N,) at least one, in the order of the games' seeds.
        bound: a score that none can exceed (`Task.score_bound`); 0 is the lowest.
        level: coverage.
    """
    sample = np.asarray(scores, dtype=np.float64)
    mean = float(sample.mean())
    tail = (1 - level) / 2
    if bound is not None and sample.min() >= 0 and sample.max() <= bound:
        parts = sample / bound
        low, high = _lowest(parts, tail), 1 - _lowest(1 - parts, tail)
        return Estimate(mean, min(mean, low * bound), max(mean, high * bound))
    return _unbounded(sample, mean, tail)


def share_interval(successes: int, games: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper and Pearson 1934).

    Args:
        successes: games won.
        games: games played, at least one.
        level: coverage, at least.
    """
    from scipy.special import betaincinv

    tail, rest = (1 - level) / 2, games - successes
    low = 0.0 if successes == 0 else float(betaincinv(successes, rest + 1, tail))
    high = 1.0 if rest == 0 else float(betaincinv(successes + 1, rest, 1 - tail))
    return low, high


def _unbounded(sample: NDArray[np.float64], mean: float, tail: float) -> Estimate:
    """Return Student's interval, whose lower end also counts scores from 0 (or the lowest seen) that the sample lacks."""
    from scipy.special import stdtrit

    floor, top = min(0.0, float(sample.min())), float(sample.max())
    reach = 0.0
    if len(sample) > 1:
        reach = float(stdtrit(len(sample) - 1, 1 - tail)) * float(sample.std(ddof=1)) / math.sqrt(len(sample))
    below = floor + (top - floor) * _lowest((sample - floor) / (top - floor), tail) if top > floor else mean
    return Estimate(mean, min(below, mean - reach), mean + reach)


def _lowest(parts: NDArray[np.float64], tail: float) -> float:
    """Return the lowest mean of values (N,) in [0, 1] that bets on "the mean is above it" do not refute at this level."""
    low, high = 0.0, 1.0
    for _ in range(2):
        means = np.linspace(low, high, GRID + 1)
        standing = np.flatnonzero(~_refuted(parts, means, tail))
        first = int(standing[0]) if len(standing) else GRID
        low, high = float(means[max(0, first - 1)]), float(means[first])
    return low


def _refuted(parts: NDArray[np.float64], means: NDArray[np.float64], tail: float) -> NDArray[np.bool_]:
    """Return which hypothetical means (M,) a gambler refutes: each against its own capital, until it reaches 1 / tail."""
    games, bar = len(parts), -math.log(tail)
    logs, squares = np.zeros(len(means)), PRIOR_GAMES * means * (1 - means)
    most = MOST_STAKED / np.maximum(means, 1e-9)
    step = math.ceil(games / LOOKS)
    for start in range(0, games, step):
        variance = np.maximum(squares / (start + PRIOR_GAMES), 1e-9)
        stakes = np.minimum(np.sqrt(2 * np.maximum(bar - logs, 0) / ((games - start) * variance)), most)
        away = parts[start : start + step, None] - means
        logs += np.where(logs < bar, np.log1p(stakes * away).sum(axis=0), 0.0)
        squares += (away * away).sum(axis=0)
    refuted: NDArray[np.bool_] = logs >= bar
    return refuted

"""The gate for your own numbers: is B better than A, by paired differences, at whatever time you look?

    >>> compare([0.3, 0.1, 0.4, 0.2] * 10)
    Comparison(better than the other at alpha 0.05: mean +0.250 [+0.115, +0.363] over 40 pairs, e-value 23.8)

It asks the question that `race` asks of a single candidate, with the same bets (`betting.PairedTest`). Unlike a race, it plans
no number of pairs: stakes that depended on it would change as pairs are added, and looking early would no longer be safe.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.gate.betting import Floats, PairedTest, e_value
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """What paired differences show.

    Args:
        accepted: whether "the mean is above 0" is shown at level `alpha`.
        mean: of the differences.
        low: lower bound of the true mean. The interval is two-sided, and covers at all times with probability 1 - `alpha`.
        high: upper bound of it.
        e_value: capital of the bets on "the mean is above 0", which began at 1; they stop at 1 / `alpha`.
        games: number of pairs.
        alpha: the level.
    """

    accepted: bool
    mean: float
    low: float
    high: float
    e_value: float
    games: int
    alpha: float

    def __repr__(self) -> str:
        """Summarise it in one line."""
        bounds = f"mean {self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}] over {self.games} pairs"
        return f"Comparison({self._found()} at alpha {self.alpha:g}: {bounds}, e-value {self.e_value:.3g})"

    def _found(self) -> str:
        if self.accepted:
            return "better than the other"
        return "worse than the other" if self.high < 0 else "not shown better"


def compare(differences: Iterable[float] | ArrayLike, alpha: float = 0.05, *, gain: float = 0.03) -> Comparison:
    """Return whether paired differences show that their mean is above 0, and the bounds of that mean.

    Each difference is "mine minus theirs" on one common seed, problem or user. The pairs must be independent draws, in the
    order in which they came. The test is anytime-valid: call it after every pair, stop whenever you like, and continue
    whenever you like. The chance that it *ever* accepts a mean of 0 or less is at most `alpha`. Once accepted, a result stays
    accepted as pairs are added.

    `alpha` is the level of two statements. Acceptance is one-sided: it says "better" and spends all of `alpha` on that. The
    interval is two-sided, with `alpha` / 2 at either end, so its lower end may still be below 0 when the test accepts.
    Several comparisons in one study must share an `alpha`: give each of k of them `alpha` / k.

    Args:
        differences: (n,) numbers in [-1, 1]; if they may exceed that, divide by the widest possible difference.
        alpha: in (0, 1).
        gain: smallest mean worth finding, in (0, 1]. It sets the stakes, and so affects only how soon a gain is found.

    Raises:
        UsageError: there are no differences, one is not finite or lies outside [-1, 1], or `alpha` or `gain` is bad.

    Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting".
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}; it must lie between 0 and 1, e.g. 0.05")
    if not 0 < gain <= 1:
        raise UsageError(f"gain is {gain!r}; it must be above 0 and at most 1, e.g. 0.03")
    x = checked(differences)
    test = PairedTest(alpha=alpha, beta=alpha, gain=gain)
    test.add(x)
    low, high = test.interval(alpha)
    return Comparison(test.better.won, test.mean, low, high, e_value(test.better.log_e), test.games, alpha)


def checked(differences: Iterable[float] | ArrayLike) -> Floats:
    """Return differences as (n,) float64; raises UsageError for bad ones, naming the first."""
    given = differences if isinstance(differences, np.ndarray) or not isinstance(differences, Iterable) else list(differences)
    try:
        x = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"differences must be numbers, one per pair: {error}") from None
    if x.ndim != 1:
        raise UsageError(f"differences have the shape {x.shape}; expected (n,): one number per pair, mine minus theirs")
    if not len(x):
        raise UsageError("differences are empty; give one number per pair, mine minus theirs")
    wrong = np.flatnonzero(~(np.abs(x) <= 1))  # NaN compares false
    if len(wrong):
        at = int(wrong[0])
        remedy = (
            "divide all by the widest difference possible"
            if np.isfinite(x[at])
            else "score a pair without a result (-1 is a loss), or leave it out"
        )
        raise UsageError(f"difference {at} is {x[at]:g}; expected numbers in [-1, 1]: {remedy}")
    return x

"""Which part a gain comes from: a 2x2 factorial of old and new weights by old and new code on common seeds.

With the utilities `u[weights][code]` of one seed (0 old, 1 new) the main effects and the interaction of a 2^2 design (Fisher
1935, "The Design of Experiments", chapter VI; Yates 1937, "The Design and Analysis of Factorial Experiments") are

    reward      = ((u10 - u00) + (u11 - u01)) / 2
    code        = ((u01 - u00) + (u11 - u10)) / 2
    interaction = u11 - u10 - u01 + u00
    total       = u11 - u00 = reward + code

A main effect is what a part adds, averaged over the two orders in which the parts can come. It is the Shapley value (Shapley
1953, "A Value for n-Person Games") of the game whose two players are the weights and the code. The shares therefore sum to the
gain, and each part gets half of an interaction. If the first and last incumbents of a run are old and new, the shares are
cumulative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 0.95
"""Coverage of each interval by itself."""
SKEWNESS_USED: Final = 0.5
"""Fraction of the sample's skewness that is corrected; see `estimate`."""
DECIMALS: Final = 12
"""Decimals to which contrasts are rounded: utilities are of order 1, and anything smaller is rounding error, not an effect."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a gain in utility, with its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where a gain comes from.

    Args:
        reward: main effect of the reward-trained weights.
        code: main effect of the code.
        interaction: gain of both together beyond the sum of what each adds to the old version of the other.
        total: the new incumbent minus the old one; the sum of the main effects.
        games: number of seeds, each played by all four cells.
        owner: the credit in words; see `owner_of`.
        level: largest chance that `owner` names a part that does not do what it says.
    """

    reward: Share
    code: Share
    interaction: Share
    total: Share
    games: int
    owner: str
    level: float


def owner_of(reward: Share, code: Share) -> str:
    """Return the credit in words: `code`, `reward`, `both` or `neither shown`, and which part hurts."""
    parts = {"reward": reward, "code": code}
    helps = [name for name, share in parts.items() if share.low > 0]
    hurts = [name for name, share in parts.items() if share.high < 0]
    says = [_together(helps)] if helps else []
    if hurts:
        says.append(f"{_together(hurts)} {'hurt' if len(hurts) == 2 else 'hurts'}")
    return "; ".join(says) or "neither shown"


def attribute_gain(u00: Floats, u01: Floats, u10: Floats, u11: Floats, *, level: float = 0.05) -> Attribution:
    """Return each part's share of the gain.

    A part is named by an interval of its own, at half of the level, since there are two parts; the reported intervals hold at
    95 % each.

    Args:
        u00: (G,) utilities of old weights with old code.
        u01: (G,) of old weights with new code, on the same seeds in the same order.
        u10: (G,) of new weights with old code.
        u11: (G,) of new weights with new code.
        level: largest chance that a part is named wrongly.

    Raises:
        ValueError: there are fewer than two seeds, the cells differ in shape, or a utility is not finite.
    """
    cells = [np.asarray(cell, np.float64) for cell in (u00, u01, u10, u11)]
    shapes = {cell.shape for cell in cells}
    if len(shapes) > 1 or cells[0].ndim != 1 or len(cells[0]) < 2:
        raise ValueError(f"cells of shapes {sorted(shapes)}: give four of one shape (G,) on common seeds, G at least 2")
    if not all(np.isfinite(cell).all() for cell in cells):
        raise ValueError("a utility is not a finite number: give the utilities of finished games")
    found = contrasts(*cells)
    shares = {name: Share(*map(float, estimate(values))) for name, values in found.items()}
    named = [Share(*map(float, estimate(found[part], 1 - level / 2))) for part in ("reward", "code")]
    return Attribution(**shares, games=len(cells[0]), owner=owner_of(*named), level=level)


def contrasts(u00: Floats, u01: Floats, u10: Floats, u11: Floats) -> dict[str, Floats]:
    """Return `reward`, `code`, `interaction` and `total` for each seed, (..., G) like the cells."""
    found = {
        "reward": ((u10 - u00) + (u11 - u01)) / 2,
        "code": ((u01 - u00) + (u11 - u10)) / 2,
        "interaction": u11 - u10 - u01 + u00,
        "total": u11 - u00,
    }
    return {name: values.round(DECIMALS) + 0.0 for name, values in found.items()}


def estimate(values: Floats, coverage: float = LEVEL) -> tuple[Floats, Floats, Floats]:
    """Return the means of contrasts and both ends of their intervals, 95 % by default.

    Each end is the farther one of two: Student's t (1908), and a t corrected for skewness by the cubic transformation of Hall
    (1992, "On the Removal of Skewness by Transformation"). Student's alone covers 88-93 % if a part helps in few games and
    never harms; Hall's alone covers 91-93 % under heavy tails, where a sample's skewness is chance. With half of that
    skewness, the farther end covers 93-97 % from 48 seeds on, and with all of it up to 99 %; `ouroloop bench gate` shows it.
    No interval covers what a sample does not show: an effect must appear on about five seeds.

    Values that are all equal give an interval of zero width. That is exact if a part cannot matter. If a part matters in few
    games, it says, with 95 % confidence, that those are fewer than 3 / G of all.

    Args:
        values: (..., G), independent along the last axis, G at least 2.
        coverage: of each interval by itself.

    Returns:
        Means, lower ends, upper ends: (...) each.
    """
    from scipy.special import stdtrit

    games = values.shape[-1]
    first = values[..., :1]  # if all values are equal, they differ from it by exactly 0
    mean = first[..., 0] + (values - first).mean(-1)
    centred = (values - first) - (values - first).mean(-1, keepdims=True)
    second = (centred**2).mean(-1)
    third = (centred**2 * centred).mean(-1)
    deviation = np.sqrt(second * games / (games - 1))
    skewness = SKEWNESS_USED * third / np.where(second > 0, second, 1.0) ** 1.5
    quantile = float(stdtrit(games - 1, (1 + coverage) / 2)) / math.sqrt(games)
    low = mean - deviation * _reach(quantile, skewness, games)
    return mean, low, mean + deviation * _reach(quantile, -skewness, games)


def _reach(quantile: float, skewness: Floats, games: int) -> Floats:
    """Return how many standard deviations lie between the mean and the lower end.

    Hall's `g(x) = x + s x^2 / 3 + s^2 x^3 / 27 + s / (6 G)` has the inverse `3 (c - 1) / s`, where `c^3 = 1 + s y` and
    `y = quantile - s / (6 G)`; as `c^3 - 1 = (c - 1)(c^2 + c + 1)`, that is `3 y / (c^2 + c + 1)`, which also holds at s = 0.
    """
    y = quantile - skewness / (6 * games)
    c = np.cbrt(1 + skewness * y)
    reach: Floats = np.maximum(quantile, 3 * y / (c * c + c + 1))
    return reach


def _together(names: list[str]) -> str:
    return "both" if len(names) == 2 else names[0]

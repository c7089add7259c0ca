"""The one-sided bound that decided: how large a gain the bets of a race showed, at the level that the race had spent."""

from __future__ import annotations

import math

import numpy as np

from ouroloop.gate.betting import CAP, Floats, PairedTest, bisected


def shown_gain(differences: Floats, *, alpha: float, gain: float, games: int) -> float | None:
    """Return the lower bound of the mean at level `alpha`, from the very bets that accepted; None if they did not.

    The bets refute every mean against which their capital reaches 1 / alpha at some time (Ville's inequality), so the bound
    holds with probability 1 - alpha at whatever time the race stopped. It is taken when the capital reached the bar, and is
    therefore at least 0. A two-sided 95 % interval may hold 0 all the same: it splits its level over two sides, and half of
    its capital is on other bets.

    Args:
        differences: (n,) paired differences of the race.
        alpha: level of the candidate's test.
        gain: smallest gain worth having.
        games: most pairs of the race.
    """
    test = PairedTest(alpha=alpha, beta=alpha, gain=gain, games=games)
    test.add(differences)
    x, stakes, bar = test.differences, test.better.stakes, -math.log(alpha)
    over = np.flatnonzero(np.cumsum(np.log1p(stakes * x)) >= bar)
    if not len(over):
        return None
    x, stakes = x[: over[0] + 1], stakes[: over[0] + 1]
    return bisected(lambda mean: float(np.log1p(np.minimum(stakes, CAP / (1 + mean)) * (x - mean)).sum()) >= bar, 0.0, 1.0)

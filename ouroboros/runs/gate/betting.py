"""Testing by betting: an e-process and a confidence sequence for the mean of bounded paired differences.

A gambler who starts with 1 bets a fixed fraction of the capital on "the mean is above m" before each game. If the mean is
at most m the capital is a supermartingale, so by Ville's inequality it ever exceeds 1/alpha with probability at most alpha,
at whatever time one looks (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting",
sections 4 and 5). The capital here is the mean over a fixed grid of fractions, which adapts to the unknown effect.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRACTIONS: NDArray[np.float64] = np.geomspace(0.02, 0.98, 24)
MEANS: NDArray[np.float64] = np.linspace(-0.995, 0.995, 399)


def _log_capital(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log of the mean capital over the last axis, (..., J) -> (...)."""
    top = logs.max(axis=-1, keepdims=True)
    mean: NDArray[np.float64] = (top + np.log(np.exp(logs - top).mean(axis=-1, keepdims=True)))[..., 0]
    return mean


class BettingTest:
    """Evidence about the mean of differences in [-1, 1], valid at every stopping time.

    The order of the differences matters to the bets only through their product, so batches of any size may be added.
    """

    def __init__(self) -> None:
        """Start with no game."""
        self.games = 0
        self._sum = 0.0
        self._above = np.zeros((len(MEANS), len(FRACTIONS)))
        self._below = np.zeros((len(MEANS), len(FRACTIONS)))
        self._better = np.zeros(len(FRACTIONS))
        self._worse = np.zeros(len(FRACTIONS))

    def add(self, differences: NDArray[np.float64]) -> None:
        """Take in (n,) differences in [-1, 1].

        Raises:
            ValueError: one is not finite or lies outside.
        """
        x = np.asarray(differences, dtype=np.float64)
        if not np.all(np.isfinite(x)) or np.any(np.abs(x) > 1):
            raise ValueError("paired differences must lie in [-1, 1]")
        self.games += len(x)
        self._sum += float(x.sum())
        self._better += np.log1p(np.outer(x, FRACTIONS)).sum(axis=0)
        self._worse += np.log1p(np.outer(-x, FRACTIONS)).sum(axis=0)
        up = (x[:, None] - MEANS) / (1 + MEANS)
        down = (MEANS - x[:, None]) / (1 - MEANS)
        self._above += np.log1p(up[:, :, None] * FRACTIONS).sum(axis=0)
        self._below += np.log1p(down[:, :, None] * FRACTIONS).sum(axis=0)

    @property
    def mean(self) -> float:
        """Mean difference so far; 0 before any game."""
        return self._sum / self.games if self.games else 0.0

    @property
    def log_e_better(self) -> float:
        """Log e-value against "the mean is at most 0"."""
        return float(_log_capital(self._better))

    @property
    def log_e_worse(self) -> float:
        """Log e-value against "the mean is at least 0"."""
        return float(_log_capital(self._worse))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the confidence sequence's present interval: it covers the mean at all times with probability 1 - alpha.

        The hedged capital (half on each side, section 4.3 of the source) is inverted over a grid of means 0.005 apart,
        and the ends are taken one grid step outwards.
        """
        bar = np.log(2 / alpha)
        kept = (_log_capital(self._above) < bar) & (_log_capital(self._below) < bar)
        inside = np.flatnonzero(kept)
        if not len(inside):  # the interval lies between two means of the grid
            inside = np.array([np.searchsorted(MEANS, self.mean), np.searchsorted(MEANS, self.mean) - 1]).clip(
                0, len(MEANS) - 1
            )
        low = -1.0 if inside[0] == 0 else float(MEANS[inside[0] - 1])
        high = 1.0 if inside[-1] == len(MEANS) - 1 else float(MEANS[inside[-1] + 1])
        return low, high

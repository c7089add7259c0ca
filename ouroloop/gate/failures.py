"""Does a candidate fail in more of its games than it may? A test by betting, valid at every look."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

ALLOWED: Final = 0.25
"""The share of games that a candidate may lose by failing."""
LEVEL: Final = 0.01
"""Largest chance that a candidate that fails in no more than `ALLOWED` of its games is ever sent away for it."""
SHARES: Final = np.linspace(ALLOWED, 1.0, 17)[1:]
"""The higher shares that are bet on, with equal parts of the capital."""


def too_many(failed: int, games: int) -> bool:
    """Return whether a candidate that failed in `failed` of `games` games is shown to fail in more than `ALLOWED` of all.

    The capital is the mean likelihood ratio of higher shares against `ALLOWED`. Where the true share is at most that, each
    ratio is a supermartingale that begins at 1, so the capital ever reaches 1 / `LEVEL` with probability at most `LEVEL`
    (Ville's inequality), at whatever time one looks.
    """
    fine = games - failed
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = failed * np.log(SHARES / ALLOWED) + (fine * np.log1p(-SHARES) if fine else 0.0) - fine * math.log1p(-ALLOWED)
    return float(np.logaddexp.reduce(logs)) - math.log(len(SHARES)) >= -math.log(LEVEL)

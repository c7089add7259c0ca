"""The customary fixed-size test (Student's t-test, n = 100), shown beside ours for comparison. It decides nothing."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.records import TTest

GAMES: Final = 100


def paired_t(differences: NDArray[np.float64]) -> TTest | None:
    """Return the one-sided paired t-test of "better" on the first `GAMES` differences; None for fewer than two.

    Student (1908). It is valid once, at the planned size, for means that are nearly normal.
    """
    from scipy.special import stdtr

    x = differences[:GAMES]
    if len(x) < 2:
        return None
    error = float(x.std(ddof=1)) / math.sqrt(len(x))
    mean = float(x.mean())
    if error == 0:
        return TTest(len(x), 0.0, 0.5 if mean == 0 else float(mean < 0))
    t = mean / error
    return TTest(len(x), round(t, 6), float(f"{stdtr(len(x) - 1, -t):.6g}"))

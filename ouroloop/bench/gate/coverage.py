"""Do score intervals cover? Players that fill nearly all boards, where an interval from the sample's spread alone does not."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.timing import Report, significant
from ouroloop.envs.intervals import score_interval

Floats = NDArray[np.float64]

GAMES: Final = (48, 100, 500)
FILLED: Final = (0.5, 0.9, 0.97, 0.99, 0.995)
"""Share of boards that the player fills."""
LOST: Final = {"anywhere": (1.0, 1.0), "early": (1.0, 4.0), "late": (6.0, 1.5), "at once": (0.1, 40.0)}
"""Where the other games end: the two shapes of a Beta distribution of the share of the best score."""
REPETITIONS: Final = 1000
RESAMPLES: Final = 400
BEST: Final = 97


def measure(report: Report, *, seed: int = 0, repetitions: int = REPETITIONS, games: tuple[int, ...] = GAMES) -> dict[str, Any]:
    """Return cover and mean width, in points of 97, of our interval and of the percentile bootstrap, by case."""
    cases = list(product(games, LOST, FILLED))
    rows = []
    for index, (size, lost, filled) in enumerate(cases):
        report(f"score intervals: {size} games, {filled:.1%} filled", index / len(cases))
        rows.append(_row(size, lost, filled, np.random.default_rng((seed, index)), repetitions))
    return {"best": BEST, "repetitions": repetitions, "rows": rows, "least_cover": min(row["cover"] for row in rows)}


def _row(games: int, lost: str, filled: float, random: np.random.Generator, repetitions: int) -> dict[str, Any]:
    shapes = LOST[lost]
    mean = BEST * (filled + (1 - filled) * shapes[0] / sum(shapes))
    drawn = np.where(random.random((repetitions, games)) < filled, 1.0, random.beta(*shapes, (repetitions, games)))
    scores = np.rint(BEST * drawn)
    mean += float((scores - BEST * drawn).mean())  # what rounding to whole points adds on average
    found = [score_interval(row, BEST) for row in scores]
    ours = np.array([(one.low, one.high) for one in found])
    theirs = np.array([_bootstrap(row, random) for row in scores])
    return {
        "games": games,
        "lost": lost,
        "filled": filled,
        "cover": _cover(ours, mean),
        "width": significant(float((ours[:, 1] - ours[:, 0]).mean()), 3),
        "cover_bootstrap": _cover(theirs, mean),
        "width_bootstrap": significant(float((theirs[:, 1] - theirs[:, 0]).mean()), 3),
        "no_width_bootstrap": significant(float((theirs[:, 1] == theirs[:, 0]).mean()), 3),
    }


def _bootstrap(scores: Floats, random: np.random.Generator) -> Floats:
    """Return the percentile bootstrap interval (Efron 1979)."""
    means = random.choice(scores, (RESAMPLES, len(scores))).mean(axis=1)
    ends: Floats = np.quantile(means, (0.025, 0.975))
    return ends


def _cover(ends: Floats, mean: float) -> float:
    return significant(float(((ends[:, 0] <= mean + 1e-9) & (mean - 1e-9 <= ends[:, 1])).mean()), 3)

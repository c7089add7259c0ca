"""Whether attribution finds known effects: bias and coverage in simulated factorials.

Every law gives utilities in [0, 1] without clipping, so that the cells' means, and therefore the effects, are exact.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from ouroloop.bench.gate.laws.effects import CASES, LIMITS, Floats, Law, Shape
from ouroloop.bench.timing import Report, significant
from ouroloop.gate.factorial import LEVEL, contrasts, estimate

GAMES: Final = (48, 96, 192)
"""Seeds of a factorial."""


def measure(report: Report, *, seed: int = 0, repetitions: int = 4000) -> dict[str, Any]:
    """Return a row per case, number of games and effect; the worst rows; and the rows of cases that exceed their limits.

    Args:
        report: called with the progress.
        seed: of the simulation.
        repetitions: factorials per case and number of games.
    """
    found: list[dict[str, Any]] = []
    for index, (name, law) in enumerate((CASES | LIMITS).items()):
        report(f"attribution: {name}", index / len(CASES | LIMITS))
        for games in GAMES:
            random = np.random.default_rng((seed, index, games))
            found += [{"case": name, "games": games, **row} for row in _rows(law, random, (repetitions, games))]
    rows, limits = ([row for row in found if (row["case"] in LIMITS) is beyond] for beyond in (False, True))
    covered = [row["coverage"] for row in rows if row["width"] > 0]
    bias = max(abs(row["bias"]) for row in rows if row["truth"] != 0)
    worst = {"bias": bias, "coverage": [min(covered), max(covered)]}
    return {"rows": rows, "repetitions": repetitions, "worst": worst, "limits": limits}


def _rows(law: Law, random: np.random.Generator, shape: Shape) -> list[dict[str, Any]]:
    cells, means = law(random, shape)
    truths = contrasts(*(np.array([m]) for m in means))
    return [{"effect": effect, **_row(values, float(truths[effect][0]))} for effect, values in contrasts(*cells).items()]


def _row(values: Floats, truth: float) -> dict[str, float]:
    """Return bias (relative to the truth unless that is 0), its simulation error, coverage, Student's, and mean width."""
    from scipy.special import stdtrit

    mean, low, high = estimate(values)
    games, scale = values.shape[-1], abs(truth) or 1.0
    student = float(stdtrit(games - 1, (1 + LEVEL) / 2)) * values.std(-1, ddof=1) / math.sqrt(games)
    return {
        "truth": significant(truth),
        "bias": significant(float(mean.mean() - truth) / scale, 3),
        "bias_error": significant(float(mean.std()) / scale / math.sqrt(len(mean)), 2),
        "coverage": significant(float(((low <= truth) & (truth <= high)).mean())),
        "coverage_student": significant(float((abs(mean - truth) <= student).mean())),
        "width": significant(float((high - low).mean()), 3),
    }

"""Whether attribution finds effects that are known: simulated factorials, bias and coverage.

Every law gives utilities in [0, 1] without clipping, so that the means of the cells, and with them the effects, are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.timing import Report, significant
from ouroloop.gate.factorial import LEVEL, contrasts, estimate

GAMES: Final = (48, 96, 192)
"""Seeds of a factorial."""
Floats = NDArray[np.float64]
Means = tuple[float, float, float, float]
Shape = tuple[int, int]
Law = Callable[[np.random.Generator, Shape], tuple[list[Floats], Means]]
"""(random, (repetitions, games)) -> utilities of the cells 00, 01, 10, 11, and their expectations."""


def beta(means: Means, size: float) -> Law:
    """Independent Beta utilities with `a + b = size`; skewed where a mean is near 0 or 1, as Snake's are."""
    return lambda random, shape: ([random.beta(m * size, (1 - m) * size, shape) for m in means], means)


def won_or_lost(means: Means) -> Law:
    """Utilities 0 and 1 alone: every contrast has ties."""
    return lambda random, shape: ([(random.random(shape) < m).astype(float) for m in means], means)


def ties(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """Boards lost at once (0), filled (1) or between: hard seeds are hard in all cells, so that many seeds tie."""
    hardness = random.random(shape)
    cells, means = [], []
    for lost, filled, middle in ((0.20, 0.20, 0.40), (0.05, 0.50, 0.60), (0.30, 0.10, 0.40), (0.15, 0.35, 0.64)):
        between = random.beta(4 * middle, 4 * (1 - middle), shape)
        cells.append(np.where(hardness < lost, 0.0, np.where(hardness > 1 - filled, 1.0, between)))
        means.append(filled + (1 - lost - filled) * middle)
    return cells, (means[0], means[1], means[2], means[3])


def seed_effect(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """Nearly all variance is the seed's and common to the cells; what a part brings differs by seed as well."""
    seed, code, reward = random.beta(0.7, 0.7, shape), random.random(shape), random.random(shape)
    gains = (0.0, 0.1 * code, 0.06 * reward, 0.1 * code + 0.06 * reward + 0.12 * code * reward)
    cells = [0.6 * seed + gain + 0.1 * random.random(shape) for gain in gains]
    return cells, (0.35, 0.40, 0.38, 0.46)


def heavy_tails(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """Most games go as expected, few end anywhere: excess kurtosis of 12 in a cell."""
    means = (0.46, 0.48, 0.46, 0.55)
    swings = [random.choice((-0.45, 0.45), shape) * random.beta(0.1, 1.5, shape) for _ in means]
    return [m + swing for m, swing in zip(means, swings, strict=True)], means


def rescues(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """The code helps in every fifth game, the weights in three of ten, and neither ever harms; else the cells tie."""
    seed = 0.3 * random.random(shape)
    code = 0.35 * (random.random(shape) < 0.2) * random.beta(2, 3, shape)
    reward = 0.35 * (random.random(shape) < 0.3) * random.beta(2, 3, shape)
    cells = [seed, seed + code, seed + reward, seed + code + reward]
    return cells, (0.15, 0.15 + 0.35 * 0.08, 0.15 + 0.35 * 0.12, 0.15 + 0.35 * 0.20)


def inert_code(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """The code changes no move: cells with the same weights are equal."""
    old, new = random.beta(6, 4, shape), random.beta(7, 3, shape)
    return [old, old, new, new], (0.6, 0.6, 0.7, 0.7)


def rare_losses(share: float) -> Law:
    """The code gains 0.0186 in nearly all games and loses 0.3 in a few."""

    def law(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
        base = 0.30 + 0.02 * random.random(shape)
        code = np.where(random.random(shape) < share, -0.30, 0.0186)
        mean = 0.31 - 0.30 * share + 0.0186 * (1 - share)
        return [base, base + code, base, base + code], (0.31, mean, 0.31, mean)

    return law


# An effect that is not 0 is at least 0.35 standard deviations of its contrast: 4000 factorials then tell a bias of 2 % of it.
CASES: Final[dict[str, Law]] = {
    "beta": beta((0.50, 0.58, 0.56, 0.84), 6),
    "beta, nearly perfect": beta((0.80, 0.84, 0.82, 0.98), 8),
    "beta, poor, reward hurts": beta((0.25, 0.40, 0.08, 0.10), 4),
    "won or lost": won_or_lost((0.40, 0.50, 0.40, 0.95)),
    "ties at 0 and 1": ties,
    "strong seed effect": seed_effect,
    "heavy tails": heavy_tails,
    "rare rescues": rescues,
    "inert code": inert_code,
    "pure interaction": beta((0.65, 0.45, 0.45, 0.65), 5),
    "no interaction": beta((0.40, 0.55, 0.50, 0.65), 5),
    "no effect": beta((0.93, 0.93, 0.93, 0.93), 4),
    "no effect, won or lost": won_or_lost((0.8, 0.8, 0.8, 0.8)),
}
LIMITS: Final[dict[str, Law]] = {
    "rare losses, 1 %": rare_losses(0.01),
    "rare losses, 3 %": rare_losses(0.03),
    "rare losses, 6 %": rare_losses(0.06),
}
"""Where no interval from so few seeds can cover: what is not in the sample is not in the interval."""


def measure(report: Report, *, seed: int = 0, repetitions: int = 4000) -> dict[str, Any]:
    """Return a row for each case, number of games and effect, the worst of all, and rows of cases beyond its limits.

    Args:
        report: hears of the progress.
        seed: of the simulation.
        repetitions: factorials of each case and number of games.
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
    """Return bias (over the truth, where that is not 0) with its simulation error, coverage, Student's, and mean width."""
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

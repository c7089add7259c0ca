"""Simulated factorials with known effects: games won or lost, ties, shared seeds, heavy tails, rescues, rare losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Means = tuple[float, float, float, float]
Shape = tuple[int, int]
Law = Callable[[np.random.Generator, Shape], tuple[list[Floats], Means]]
"""(random, (repetitions, games)) -> utilities of the cells 00, 01, 10, 11, and their expectations."""


def beta(means: Means, size: float) -> Law:
    """Independent Beta utilities with `a + b = size`; skewed if a mean is near 0 or 1, as Snake's are."""
    return lambda random, shape: ([random.beta(m * size, (1 - m) * size, shape) for m in means], means)


def won_or_lost(means: Means) -> Law:
    """Utilities of 0 and 1 only: every contrast has ties."""
    return lambda random, shape: ([(random.random(shape) < m).astype(float) for m in means], means)


def ties(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """Boards lost at once (0), filled (1) or in between: hard seeds are hard in all cells, so many seeds tie."""
    hardness = random.random(shape)
    cells, means = [], []
    for lost, filled, middle in ((0.20, 0.20, 0.40), (0.05, 0.50, 0.60), (0.30, 0.10, 0.40), (0.15, 0.35, 0.64)):
        between = random.beta(4 * middle, 4 * (1 - middle), shape)
        cells.append(np.where(hardness < lost, 0.0, np.where(hardness > 1 - filled, 1.0, between)))
        means.append(filled + (1 - lost - filled) * middle)
    return cells, (means[0], means[1], means[2], means[3])


def seed_effect(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """Nearly all variance comes from the seed and is common to the cells; a part's effect differs by seed as well."""
    seed, code, reward = random.beta(0.7, 0.7, shape), random.random(shape), random.random(shape)
    gains = (0.0, 0.1 * code, 0.06 * reward, 0.1 * code + 0.06 * reward + 0.12 * code * reward)
    cells = [0.6 * seed + gain + 0.1 * random.random(shape) for gain in gains]
    return cells, (0.35, 0.40, 0.38, 0.46)


def heavy_tails(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """Most games go as expected and a few end anywhere: an excess kurtosis of 12 in each cell."""
    means = (0.46, 0.48, 0.46, 0.55)
    swings = [random.choice((-0.45, 0.45), shape) * random.beta(0.1, 1.5, shape) for _ in means]
    return [m + swing for m, swing in zip(means, swings, strict=True)], means


def rescues(random: np.random.Generator, shape: Shape) -> tuple[list[Floats], Means]:
    """The code helps in every fifth game, the weights in three of ten, and neither ever harms; otherwise the cells tie."""
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


# A nonzero effect is at least 0.35 standard deviations of its contrast: 4000 factorials then detect a bias of 2 % of it.
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
"""Cases that no interval from so few seeds can cover: a sample without the rare losses says nothing about them."""

"""How often attribution names the part that did it, by effect and spread: the power that its bound leaves.

`measure` gives the table of `docs/gate.md`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.timing import significant
from ouroloop.gate.factorial import estimate, sign_of
from ouroloop.runs.phases.attribute import naming_level
from ouroloop.runs.recipe import GateSettings

GAMES: Final = (96, 256)
"""Seeds of a factorial: the default of a recipe, and as many as a race has."""
CASES: Final = ((0.1, 0.05), (0.1, 0.08), (0.2, 0.05), (0.2, 0.08), (0.2, 0.12), (0.28, 0.08), (0.28, 0.12), (0.28, 0.2))
"""Standard deviation and mean of a part's effect."""
RARE: Final = (0.03, -0.6, 0.018)
"""A part that does harm: how often it loses much, how much, and what it gains in all other games."""
EARLIER: Final = (0, 2)
"""Attributions before this one."""


def measure(*, seed: int = 0, repetitions: int = 400) -> list[dict[str, Any]]:
    """Return how often one factorial names a part that helps, and one that only seems to help.

    Args:
        seed: of the simulation.
        repetitions: factorials per row.

    Returns:
        Rows with `games`, `attribution` (from 1), `spread`, `effect` (the true mean), `named` (the share of factorials that
        name the part as helping), and `named_by_t`: the same by Student's intervals, which hold for no such distribution.
    """
    rows = []
    for games in GAMES:
        for earlier in EARLIER:
            random = np.random.default_rng((seed, games, earlier))
            level = naming_level(earlier) / 2  # two parts share a factorial's
            samples = [(spread, mean, _effects(random, (repetitions, games), spread, mean)) for spread, mean in CASES]
            share, loss, win = RARE
            rare = np.where(random.random((repetitions, games)) < share, loss, win)
            mean = share * loss + (1 - share) * win
            samples.append((float(np.sqrt(share * (1 - share))) * (win - loss), mean, rare))
            for spread, mean, effects in samples:
                named = np.mean([sign_of(one, level=level, gain=GateSettings().gain) > 0 for one in effects])
                by_t = (estimate(effects, 1 - level)[1] > 0).mean()
                rows.append(
                    {
                        "games": games,
                        "attribution": earlier + 1,
                        "spread": significant(spread, 2),
                        "effect": significant(mean, 2),
                        "named": significant(float(named), 3),
                        "named_by_t": significant(float(by_t), 3),
                    }
                )
    return rows


def _effects(random: np.random.Generator, shape: tuple[int, int], spread: float, mean: float) -> NDArray[np.float64]:
    """Return effects of three sizes (0, and twice the spread in either direction), with this standard deviation and mean."""
    size = 2 * spread
    nonzero = (spread**2 + mean**2) / size**2
    draw = random.random(shape)
    better = (nonzero + mean / size) / 2
    return np.where(draw < better, size, np.where(draw < nonzero, -size, 0.0))

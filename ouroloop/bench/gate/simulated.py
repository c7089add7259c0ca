"""Races whose games are drawn at random instead of played: the gate's statistics in cases with a known truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ouroloop.gate.race import Judgement, Played, RaceRules, race
from ouroloop.runs.recipe import GateSettings

Floats = NDArray[np.float64]
MIDDLE = 0.5
"""Mean utility of a simulated incumbent."""


def field(rng: np.random.Generator, gains: Sequence[float], spread: float, games: int) -> tuple[Floats, Floats]:
    """Return utilities of an incumbent (n,) and of candidates with these true gains (K, n).

    They are independent and Beta distributed; those of real players on common seeds are nearly independent.

    Args:
        rng: source of randomness.
        gains: true gains of utility, one per candidate.
        spread: standard deviation of a paired difference.
        games: n.
    """
    means = MIDDLE + np.array([0.0, *gains])[:, None]
    size = means * (1 - means) / (spread**2 / 2) - 1
    played = rng.beta(means * size, (1 - means) * size, (len(means), games))
    return played[0], played[1:]


def raced(
    incumbent: Floats, candidates: Floats, level: float, *, last_look: np.random.Generator | None = None
) -> list[Judgement]:
    """Let candidates race by the recipe's default rules, for at most as many pairs as are given.

    Args:
        incumbent: (n,) utilities.
        candidates: (K, n) utilities on the same seeds.
        level: of the race, shared evenly among the candidates.
        last_look: draws the luck of a last look; None for none.
    """
    settings, names = GateSettings(), [str(i) for i in range(len(candidates))]

    def play(racing: Sequence[str], start: int, count: int) -> Played:
        games = slice(start, start + count)
        return Played(incumbent[games], {name: candidates[int(name), games] for name in racing})

    rules = RaceRules(len(incumbent), settings.batch, settings.gain, settings.beta)
    luck = None if last_look is None else {name: 1 - last_look.random() for name in names}
    return list(race(play, dict.fromkeys(names, level / len(names)), rules, luck).values())

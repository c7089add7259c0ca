"""How often true gains get in, and after how many games, beside a fixed-size paired t-test of equal error and power."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np

from ouroloop.bench.gate.simulated import Floats, field, raced
from ouroloop.bench.gate.yardsticks.fixed_size import ALPHA, fixed_size, t_test_power, wald_ratio
from ouroloop.bench.gate.yardsticks.optimum import best_power, three_points
from ouroloop.bench.timing import Report, significant
from ouroloop.envs.snake.rollout import rollout
from ouroloop.protocols.seeds import game_seeds
from ouroloop.runs.recipe import GateSettings

Draw = Callable[[], tuple[Floats, Floats]]
"""() -> utilities of the incumbent (n,) and of one candidate (1, n)."""
GAIN: Final = GateSettings().gain
POWER: Final = 0.9
SPREADS: Final = (0.1, 0.15, 0.2, 0.25, 0.3)
"""Standard deviations of a paired difference; those of medium-strength players are 0.2 to 0.33 (6x6 and 10x10)."""
GAINS: Final = (-0.1, -0.05, -0.03, 0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1)
REPETITIONS: Final = 1000
BUDGET: Final = 2.5
"""Most pairs, relative to those of the fixed-size test."""
POOL: Final = 40_000
"""Games of each real player, from which the tests draw theirs."""
DEFAULTS: Final = tuple(product((0.2, 0.28), (0.005, 0.0005), (0.03, 0.05, 0.08, 0.12)))
"""Spread, level and true gain for a recipe's own number of games: the first race of five candidates, and about the fourth."""
KNOWN: Final = tuple(product((0.1, 0.2, 0.28, 0.4), (0.03, 0.05, 0.08)))
"""Spread and true gain of the three-point laws for which the largest possible power is known."""
KNOWN_LEVEL: Final = 0.005
REAL: Final = {"6": (0.200, 0.181), "10": (0.0500, 0.0430)}
"""Board -> random-move rate of `greedy` as incumbent and as candidate; the true gain is then near `GAIN`."""


def share_and_pairs(draw: Draw, repetitions: int, level: float = ALPHA) -> tuple[float, float]:
    """Return the share of candidates that are accepted, and their mean number of pairs; `draw` gives each one's games."""
    found = [raced(*draw(), level)[0] for _ in range(repetitions)]
    return sum(f.accepted for f in found) / repetitions, sum(len(f.differences) for f in found) / repetitions


@cache
def pool(size: int, noise: float, salt: int) -> Floats:
    """Return a real player's utilities in `POOL` games."""
    seeds = np.array(game_seeds(0, "gate", 0, POOL), np.uint64)
    return rollout("greedy", seeds, size, noise=noise, salt=salt, workers=1).utility


def real(size: int, noises: tuple[float, float], seed: int) -> dict[str, Any]:
    """Return the results of real players with a gain near `GAIN`; each test draws its own pairs from their games."""
    incumbent, candidate = pool(size, noises[0], 1), pool(size, noises[1], 2)
    differences = candidate - incumbent
    spread, gain = float(differences.std()), float(differences.mean())
    games = int(BUDGET * fixed_size(spread, gain, ALPHA, POWER))
    rng = np.random.default_rng(seed)

    def draw() -> tuple[Floats, Floats]:
        rows = rng.integers(0, POOL, games)
        return incumbent[rows], candidate[rows][None]

    power, pairs = share_and_pairs(draw, REPETITIONS // 2)
    return {"gain": significant(gain, 3), **_beside(spread, gain, power, pairs)}


def _beside(spread: float, gain: float, power: float, pairs: float) -> dict[str, float]:
    """Return power and pairs beside a t-test of equal error and power, both one-sided like ours and two-sided as in papers."""
    fixed = fixed_size(spread, gain, ALPHA, max(power, 0.5))
    return {
        "spread": significant(spread, 3),
        "power": significant(power),
        "pairs": significant(pairs),
        "t_test_pairs": fixed,
        "ratio": significant(pairs / fixed, 3),
        "t_test_pairs_two_sided": fixed_size(spread, gain, ALPHA / 2, max(power, 0.5)),
        "wald_ratio": significant(wald_ratio(ALPHA, power), 3),
    }


def simulated(spread: float, gain: float, games: int, seed: int, level: float = ALPHA) -> dict[str, Any]:
    """Return one point: the results of candidates with a true gain, given at most this many pairs."""
    rng = np.random.default_rng(seed)
    power, pairs = share_and_pairs(lambda: field(rng, [gain], spread, games), REPETITIONS, level)
    return {"spread": spread, "level": level, "gain": gain, "power": significant(power), "pairs": significant(pairs)}


def beside_optimum(spread: float, gain: float, seed: int) -> dict[str, Any]:
    """Return the gate's power, without and with a last look, and the largest that a test of its level and size can have."""
    values, shares = three_points(spread, gain)
    rng, games = np.random.default_rng(seed), GateSettings().games
    drawn = rng.choice(values, (REPETITIONS, games), p=shares)
    found = [raced(np.maximum(0, -x), np.maximum(0, x)[None], KNOWN_LEVEL)[0] for x in drawn]
    chances = [min(1.0, KNOWN_LEVEL * one.e_value) for one in found]  # what a last look accepts with
    return {
        "spread": spread,
        "level": KNOWN_LEVEL,
        "gain": gain,
        "games": games,
        "power": significant(float(np.mean([one.accepted for one in found]))),
        "pairs": significant(float(np.mean([len(one.differences) for one in found]))),
        "power_last_look": significant(float(np.mean(chances))),
        "optimum": significant(best_power(values, shares, KNOWN_LEVEL, games)),
    }


def measure(report: Report, *, seed: int, workers: int) -> dict[str, Any]:
    """Return power and games at the design gain by spread, curves over true gains at a spread of 0.2, and real players."""
    budget = {spread: int(BUDGET * fixed_size(spread, GAIN, ALPHA, POWER)) for spread in SPREADS}
    games = GateSettings().games
    document: dict[str, Any] = {"gain": GAIN, "alpha": ALPHA, "by_spread": [], "worse_by_0.1": [], "curve": [], "real": {}}
    with ProcessPoolExecutor(workers) as executor:
        design = [executor.submit(simulated, s, GAIN, budget[s], seed + 1) for s in SPREADS]
        losers = [executor.submit(simulated, s, -0.1, budget[s], seed + 2) for s in SPREADS]
        curve = [executor.submit(simulated, 0.2, gain, budget[0.2], seed + 3) for gain in GAINS]
        shipped = [executor.submit(simulated, s, gain, games, seed + 5, level) for s, level, gain in DEFAULTS]
        optima = [executor.submit(beside_optimum, s, gain, seed + 6) for s, gain in KNOWN]
        players = {size: executor.submit(real, int(size), noises, seed + 4) for size, noises in REAL.items()}
        jobs = [*design, *losers, *curve, *shipped, *optima, *players.values()]
        for i, job in enumerate(jobs):
            job.result()
            report("power", i / len(jobs))
        for point in (job.result() for job in design):
            document["by_spread"].append(_beside(point["spread"], GAIN, point["power"], point["pairs"]))
        document["worse_by_0.1"] = [job.result() for job in losers]
        fixed = fixed_size(0.2, GAIN, ALPHA, POWER)
        for point in (job.result() for job in curve):
            document["curve"].append({**point, "t_test_power": t_test_power(0.2, point["gain"], fixed), "t_test_pairs": fixed})
        document["defaults"] = [job.result() for job in shipped]
        document["optimum"] = [job.result() for job in optima]
        document["real"] = {size: job.result() for size, job in players.items()}
    return document

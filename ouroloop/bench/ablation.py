"""`ouroloop bench ablation`: what the intervals of `ouroloop ablate` are worth, in simulated ablations with known differences.

Variance is nested, as it is in reality: trainings differ, some seeds are harder for all arms, and the games of a training
differ. In an A/A ablation all arms are equal, and independent but for their seeds. Two intervals that ignore the nesting
stand beside ours: the percentile bootstrap over seeds, which for two seeds is their minimum and maximum, and Student's t
over pairs of games.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from ouroloop.bench.timing import Report, machine, significant
from ouroloop.inspect.ablation.intervals import DECIMALS, half_width

Floats = NDArray[np.float64]
Shape = tuple[int, int, int]
Law = Callable[[np.random.Generator, Shape, Floats], Floats]
"""(random, (ablations, arms, seeds), expectations (1, arms, 1)) -> the games of each training, with their axis at the end"""
GAMES: Final = 48
SEEDS: Final = (2, 3, 5, 10)
ARMS: Final = (2, 4)
ABLATIONS: Final = 4000
CHUNK: Final = 500
"""Ablations simulated at a time, so that their games fit into memory."""
RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class Case:
    """How trainings and games vary, and the expectations of the first arm and of the others."""

    law: Law
    first: float
    others: float


def normal(random: np.random.Generator, shape: Shape, means: Floats) -> Floats:
    """Trainings, seeds and games vary normally, games most."""
    level = means + random.normal(0, 0.06, shape) + random.normal(0, 0.1, (shape[0], 1, shape[2]))
    return level[..., None] + random.normal(0, 0.28, (*shape, GAMES))


def shared_games(random: np.random.Generator, shape: Shape, means: Floats) -> Floats:
    """All arms of a seed play the same games, which decide most."""
    games = random.normal(0, 0.28, (shape[0], 1, shape[2], GAMES))
    return (means + random.normal(0, 0.03, shape))[..., None] + games + random.normal(0, 0.05, (*shape, GAMES))


def unequal(random: np.random.Generator, shape: Shape, means: Floats) -> Floats:
    """The first arm's trainings vary three times as much as the others'."""
    spread = np.full((1, shape[1], 1), 0.03)
    spread[:, 0] = 0.09
    return (means + spread * random.normal(0, 1, shape))[..., None] + random.normal(0, 0.2, (*shape, GAMES))


def utilities(size: float) -> Law:
    """Games between 0 and 1, skewed if their mean is near 1; each training's mean is drawn from Beta with `a + b = size`."""

    def law(random: np.random.Generator, shape: Shape, means: Floats) -> Floats:
        level = random.beta(means * size, (1 - means) * size, shape)[..., None]
        return random.beta(4 * level + 1e-6, 4 * (1 - level) + 1e-6, (*shape, GAMES))

    return law


def won_or_lost(size: float) -> Law:
    """Games are won or lost; each training's chance is drawn from a Beta distribution with `a + b = size`."""

    def law(random: np.random.Generator, shape: Shape, means: Floats) -> Floats:
        chance = random.beta(means * size, (1 - means) * size, shape)
        return (random.random((*shape, GAMES)) < chance[..., None]).astype(np.float64)

    return law


def collapses(random: np.random.Generator, shape: Shape, means: Floats) -> Floats:
    """A training collapses to 0.1 now and then, else it reaches 0.9."""
    level = np.where(random.random(shape) < (0.9 - means) / 0.8, 0.1, 0.9)
    return level[..., None] + random.normal(0, 0.1, (*shape, GAMES))


CASES: Final = {
    "normal": Case(normal, 0.5, 0.6),
    "shared games": Case(shared_games, 0.5, 0.55),
    "unequal spreads": Case(unequal, 0.5, 0.6),
    "utilities": Case(utilities(20), 0.6, 0.7),
    "utilities near 1": Case(utilities(60), 0.93, 0.97),
}
LIMITS: Final = {
    "won or lost": Case(won_or_lost(20), 0.5, 0.65),
    "nearly all won": Case(won_or_lost(40), 0.95, 0.97),
    "one training in eight collapses": Case(collapses, 0.8, 0.75),
}
"""Cases beyond what few seeds can say: shares of games tie between seeds, which makes the intervals wide or absent; and seeds
without a collapse say nothing about it."""


def measure(report: Report, *, seed: int = 0, ablations: int | None = None) -> dict[str, Any]:
    """Return a row per case, number of arms and number of seeds, and the range of the rows within the limits.

    Args:
        report: called with the progress.
        seed: of the simulation.
        ablations: simulated per row, and as many A/A ablations; by default `ABLATIONS`.
    """
    ablations = ablations or ABLATIONS
    cells = [(name, arms, seeds) for name in CASES | LIMITS for arms in ARMS for seeds in SEEDS]
    rows = []
    for index, (name, arms, seeds) in enumerate(cells):
        report(f"{name}: {arms} arms, {seeds} seeds", index / len(cells))
        rows.append(_row(name, arms, seeds, np.random.default_rng((seed, index)), ablations))
    within = [row for row in rows if row["case"] in CASES]
    spans = {key: [min(r[key] for r in within), max(r[key] for r in within)] for key in ("coverage", "aa_no_difference")}
    return {"seed": seed, "ablations": ablations, "games": GAMES, "rows": rows, "within": spans, "machine": machine()}


def _row(name: str, arms: int, seeds: int, random: np.random.Generator, ablations: int) -> dict[str, Any]:
    """Return how often all intervals of an ablation hold, how wide they are, and how often an A/A shows no difference."""
    case, shape = (CASES | LIMITS)[name], (CHUNK, arms, seeds)
    different, same = np.full((1, arms, 1), case.others), np.full((1, arms, 1), case.first)
    different[:, 0] = case.first
    held, widths, quiet, naive, by_games = [], [], [], [], []
    for _ in range(-(-ablations // CHUNK)):
        mean, half = _intervals(case.law(random, shape, different))
        held.append((abs(mean - (case.others - case.first)) <= half).all(axis=1))
        widths.append(2 * half[np.isfinite(half)])
        games = case.law(random, shape, same)
        mean, half = _intervals(games)
        quiet.append((abs(mean) <= half).all(axis=1))
        naive.append(_bootstrap_holds(games, random))
        by_games.append(_games_hold(games))
    return {
        "case": name,
        "arms": arms,
        "seeds": seeds,
        "coverage": significant(float(np.concatenate(held).mean())),
        "width": significant(float(np.median(np.concatenate(widths))), 3),
        "aa_no_difference": significant(float(np.concatenate(quiet).mean())),
        "aa_bootstrap_over_seeds": significant(float(np.concatenate(naive).mean())),
        "aa_games_as_units": significant(float(np.concatenate(by_games).mean())),
    }


def _intervals(games: Floats) -> tuple[Floats, Floats]:
    """Return the mean differences from the first arm and half the width of their intervals, both (ablations, arms - 1).

    Equal differences have no interval, as in `ablate`, so they claim nothing: their width is infinite.
    """
    trainings = games.mean(-1)
    differences = np.round(trainings[:, 1:] - trainings[:, :1], DECIMALS)
    half = half_width(differences, differences.shape[1])
    return differences.mean(-1), np.where(np.ptp(differences, axis=-1) == 0, np.inf, half)


def _bootstrap_holds(games: Floats, random: np.random.Generator) -> NDArray[np.bool_]:
    """Return whether percentile bootstraps over seeds (Efron 1979), uncorrected for arms, all hold 0: (ablations,)."""
    trainings = games.mean(-1)
    differences = trainings[:, 1:] - trainings[:, :1]
    seeds = differences.shape[-1]
    means = differences[..., random.integers(0, seeds, (RESAMPLES, seeds))].mean(-1)
    low, high = np.quantile(means, (0.025, 0.975), axis=-1)
    held: NDArray[np.bool_] = ((low <= 0) & (high >= 0)).all(axis=1)
    return held


def _games_hold(games: Floats) -> NDArray[np.bool_]:
    """Return whether t intervals over all pairs of games, uncorrected for arms, all hold 0: (ablations,)."""
    differences = (games[:, 1:] - games[:, :1]).reshape(len(games), games.shape[1] - 1, -1)
    half = 1.96 * differences.std(axis=-1, ddof=1) / math.sqrt(differences.shape[-1])
    held: NDArray[np.bool_] = (abs(differences.mean(-1)) <= half).all(axis=1)
    return held


def tables(document: dict[str, Any]) -> list[Table]:
    """Return coverage and width of the intervals, and the share of A/A ablations that show no difference."""
    table = Table("trainings and games", "arms", "seeds", "coverage", "width", "A/A", "bootstrap", "games", pad_edge=False)
    table.title = "intervals that hold together; A/A ablations without a difference: ours, bootstrap over seeds, games as units"
    table.title_justify = "left"
    for row in document["rows"]:
        name = row["case"] if row["case"] in CASES else f"beyond its limits: {row['case']}"
        shares = [f"{row[key]:.1%}" for key in ("aa_no_difference", "aa_bootstrap_over_seeds", "aa_games_as_units")]
        table.add_row(name, str(row["arms"]), str(row["seeds"]), f"{row['coverage']:.1%}", f"{row['width']:.3g}", *shares)
    return [table]

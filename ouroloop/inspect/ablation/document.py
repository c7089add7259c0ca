"""The document of an ablation, as `ablate --json` prints it."""

from __future__ import annotations

from typing import Final, Literal, TypedDict, get_args

Measure = Literal["utility", "score", "win_rate", "path_optimality"]
"""A measure of a run's last incumbent, in the last round's games of the watch. It is never the best of the rounds."""
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)


class Ended(TypedDict):
    """How a run ended: its last incumbent's measures, the compared measure of its first one, its digest and its status."""

    score: float
    win_rate: float
    path_optimality: float
    utility: float
    start: float
    digest: str
    status: str


class VariedRun(Ended):
    """A run of the ablation, with its arm and its seed."""

    run: str
    value: str
    seed: int


class Comparison(TypedDict):
    """A measure under one arm: its mean over seeds, and its mean paired difference from the first arm.

    Only the design's measure has an interval. `low` and `high` bound it; the intervals of all arms hold together with
    probability 0.95. `sd` is the standard deviation of the differences, and `seeds_needed` the number of seeds with which a
    difference of this size and spread would be shown in 80 % of ablations. What cannot be computed is None.
    """

    measure: Measure
    value: str
    mean: float
    difference: float
    low: float | None
    high: float | None
    sd: float | None
    seeds_needed: int | None


class Ablation(TypedDict):
    """The document that `ablate --json` prints. `values` are the names of the arms."""

    vary: str
    values: list[str]
    measure: Measure
    seeds: int
    runs: list[VariedRun]
    comparison: list[Comparison]

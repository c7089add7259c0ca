"""The document of an ablation, as `ablate --json` prints it."""

from __future__ import annotations

from typing import Final, Literal, TypedDict, get_args

Measure = Literal["utility", "score", "win_rate", "path_optimality"]
"""A measure of a run's last incumbent, in the last round's games of the watch. It is never the best of the rounds."""
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
Plan = Literal["factorial", "one-at-a-time"]
"""Which combinations of the values are arms: all, or those that differ from the first values in one key."""


class Ended(TypedDict):
    """How a run ended: its last incumbent's measures, the compared measure of its first one, its digest and its status.

    `tokens` are those that the language models of its roles read and wrote.
    """

    score: float
    win_rate: float
    path_optimality: float
    utility: float
    start: float
    digest: str
    status: str
    tokens: int


class Probed(TypedDict):
    """What the probe found of a run's last incumbent; None is what could not be measured. `probe.Found` defines each figure."""

    read_errors: float | None
    reason_errors: float | None
    reason_regret: float | None
    act_errors: float | None
    tokens_per_decision: float | None
    decisions_per_s: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    memory_mb: float | None


Figure = Literal[
    "read_errors",
    "reason_errors",
    "reason_regret",
    "act_errors",
    "tokens_per_decision",
    "decisions_per_s",
    "latency_p50_ms",
    "latency_p95_ms",
    "memory_mb",
]
"""A key of `Probed`."""
FIGURES: Final[tuple[Figure, ...]] = get_args(Figure)
TIMED: Final = ("decisions_per_s", "latency_p50_ms", "latency_p95_ms", "memory_mb")
"""Figures of the machine and the moment: a run that is repeated has others, though all the rest of it is the same."""


class VariedRun(Ended, Probed):
    """A run of the ablation, with its arm and its seed."""

    run: str
    value: str
    seed: int


class Estimated(TypedDict):
    """A mean paired difference with its interval.

    `low` and `high` bound it, and the intervals of one table hold together with probability 0.95. `sd` is the standard
    deviation of the differences, and `seeds_needed` the number of seeds with which a difference of this size and spread would
    be shown in 80 % of ablations. What cannot be computed is None.
    """

    difference: float
    low: float | None
    high: float | None
    sd: float | None
    seeds_needed: int | None


class Comparison(Estimated):
    """A measure under one arm: its mean over seeds, and its mean paired difference from the first arm.

    Only the design's measure has an interval.
    """

    measure: Measure
    value: str
    mean: float


class MainEffect(Estimated):
    """The compared measure under one value of a key minus that under the key's first value, averaged over the other keys."""

    key: str
    value: str
    first: str


class Ablation(TypedDict):
    """The document that `ablate --json` prints.

    Fields:
        vary: the names of the keys.
        plan: which combinations of their values are arms.
        values: the names of the arms; the first is the baseline.
        settings: arm -> key -> value.
        measure: the compared measure.
        seeds: seeds per arm.
        runs: all runs, seed by seed.
        comparison: every measure under every arm.
        effects: the main effects of a factorial of several keys; empty otherwise.
    """

    vary: str
    plan: Plan
    values: list[str]
    settings: dict[str, dict[str, str]]
    measure: Measure
    seeds: int
    runs: list[VariedRun]
    comparison: list[Comparison]
    effects: list[MainEffect]

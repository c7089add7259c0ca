"""The comparison of an ablation's arms in pairs over seeds, and the main effects of a factorial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.inspect.ablation.document import MEASURES, Comparison, MainEffect, Measure, Plan, VariedRun
from ouroloop.inspect.ablation.intervals import Interval, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.inspect.ablation.axes import Vary

BOUNDED: Final = ("utility", "win_rate", "path_optimality")
"""Measures between 0 and 1, whose differences are at most 1."""


def compare(runs: list[VariedRun], arms: list[str], measure: Measure) -> list[Comparison]:
    """Return every measure under every arm; the compared measure comes first, and it alone gets intervals.

    Runs with the same seed form a pair. The first arm is the baseline.
    """
    rows: list[Comparison] = []
    for name in sorted(MEASURES, key=lambda m: m != measure):
        by = {arm: by_seed(runs, arm, name) for arm in arms}
        for arm in arms:
            tested, differences = name == measure, by[arm] - by[arms[0]]
            found = Interval(float(differences.mean()), None, None, None, None)
            if arm != arms[0] and tested:
                found = interval(differences, len(arms) - 1, most(name))
            rows.append(
                {
                    "measure": name,
                    "value": arm,
                    "mean": float(by[arm].mean()),
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "sd": found.sd,
                    "seeds_needed": found.seeds_needed,
                }
            )
    return rows


def by_seed(runs: list[VariedRun], arm: str, measure: Measure) -> NDArray[np.float64]:
    """Return a measure of an arm's runs, one per seed in the order of the runs: (n,) float64."""
    return np.array([run[measure] for run in runs if run["value"] == arm], np.float64)


def most(measure: Measure) -> float:
    """Return the largest possible difference of a measure."""
    return 1.0 if measure in BOUNDED else np.inf


def main_effects(
    runs: list[VariedRun], settings: dict[str, dict[str, str]], vary: Vary, plan: Plan, measure: Measure
) -> list[MainEffect]:
    """Return the main effects of a factorial of several keys; none of another ablation.

    In each seed, a value's runs are paired with those under the key's first value and the same values of the other keys. The
    mean of these differences is the seed's one number, so seeds stay the units. The level of the intervals is divided by the
    number of all main effects.

    Args:
        runs: one per arm and seed.
        settings: arm -> key -> value, see `design.arm_settings`.
        vary: the keys with their values.
        plan: which combinations are arms.
        measure: the compared one.
    """
    if plan != "factorial" or len(vary) < 2:
        return []
    count = sum(len(values) - 1 for values in vary.values())
    rows: list[MainEffect] = []
    for key, values in vary.items():
        for value in values[1:]:
            pairs = pairs_of(settings, key, values[0], value)
            differences = np.mean([by_seed(runs, arm, measure) - by_seed(runs, base, measure) for base, arm in pairs], axis=0)
            found = interval(differences, count, most(measure))
            rows.append(
                {
                    "key": key,
                    "value": value,
                    "first": values[0],
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "sd": found.sd,
                    "seeds_needed": found.seeds_needed,
                }
            )
    return rows


def pairs_of(settings: dict[str, dict[str, str]], key: str, first: str, value: str) -> list[tuple[str, str]]:
    """Return the arms that differ in one key alone: those with its first value, and those with another one."""
    names = {tuple(own.items()): arm for arm, own in settings.items()}
    return [(arm, names[tuple((own | {key: value}).items())]) for arm, own in settings.items() if own[key] == first]

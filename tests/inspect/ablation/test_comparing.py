"""Main effects: what a value changes on average over the other keys, seed by seed; seeds stay the units."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.inspect.ablation.comparing import main_effects
from ouroloop.inspect.ablation.design import arm_settings
from ouroloop.inspect.ablation.document import FIGURES, VariedRun
from ouroloop.inspect.ablation.intervals import interval

UNPROBED = dict.fromkeys(FIGURES)

VARY = {"perception": ("json", "vision", "clip"), "count": ("0", "2")}
EFFECT = {"json": 0.0, "vision": -0.2, "clip": -0.1, "0": 0.0, "2": 0.05}


def runs_of(arms: dict[str, dict[str, str]], seeds: int, noise: float) -> list[VariedRun]:
    random = np.random.default_rng(3)
    return [
        {
            "run": f"{arm}-{seed}",
            "value": arm,
            "seed": seed,
            "utility": 0.5 + 0.1 * seed + sum(EFFECT[value] for value in own.values()) + random.normal(0, noise),
            "score": 0.0,
            "win_rate": 0.0,
            "path_optimality": 0.0,
            "start": 0.1,
            "digest": "",
            "status": "done",
            "tokens": 0,
            **UNPROBED,
        }
        for seed in range(seeds)
        for arm, own in arms.items()
    ]


def test_an_effect_is_the_mean_over_the_other_keys():
    arms = arm_settings(VARY, "factorial")
    found = main_effects(runs_of(arms, 4, 0.0), arms, VARY, "factorial", "utility")
    assert [(row["key"], row["value"], row["first"]) for row in found] == [
        ("perception", "vision", "json"),
        ("perception", "clip", "json"),
        ("count", "2", "0"),
    ]
    assert [row["difference"] for row in found] == pytest.approx([-0.2, -0.1, 0.05])
    assert all(row["low"] is None for row in found), "equal differences say nothing about their spread"


def test_the_interval_is_that_of_the_seeds_means_corrected_for_all_effects():
    arms = arm_settings(VARY, "factorial")
    runs = runs_of(arms, 4, 0.03)
    by = {(run["value"], run["seed"]): run["utility"] for run in runs}
    means = [
        np.mean([by[f"perception=vision, count={n}", seed] - by[f"perception=json, count={n}", seed] for n in "02"])
        for seed in range(4)
    ]
    wanted = interval(np.array(means), 3, 1.0)
    row = main_effects(runs, arms, VARY, "factorial", "utility")[0]
    assert (row["difference"], row["low"], row["high"], row["sd"]) == pytest.approx(
        (wanted.difference, wanted.low, wanted.high, wanted.sd)
    )


def test_other_ablations_have_no_main_effects():
    one = {"perception": ("json", "vision")}
    for vary, plan in ((one, "factorial"), (VARY, "one-at-a-time")):
        arms = arm_settings(vary, plan)
        assert main_effects(runs_of(arms, 2, 0.1), arms, vary, plan, "utility") == []

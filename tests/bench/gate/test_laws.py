"""The bench's nulls are nulls, its simulated runs hold the level, and its yardsticks measure what they say."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.bench.gate.coverage import BEST, measure
from ouroloop.bench.gate.laws.nulls import KINDS
from ouroloop.bench.gate.null import simulated_run


@pytest.mark.parametrize("kind", KINDS)
def test_no_null_has_a_mean_above_0_at_any_time_or_after_any_start(kind: str) -> None:
    incumbent, candidates = KINDS[kind](np.random.default_rng(1), 4000, 40)
    if (incumbent != incumbent[0]).any():
        pairs = [KINDS[kind](np.random.default_rng((2, i)), 1, 40) for i in range(1500)]  # the incumbent's luck is shared
        differences = np.concatenate([mine - theirs for theirs, mine in pairs])
    else:
        differences = candidates - incumbent
    assert np.abs(differences).max() <= 1
    assert min(incumbent.min(), candidates.min()) > -1e-9
    assert max(incumbent.max(), candidates.max()) < 1 + 1e-9
    ahead = differences[:, :20].sum(axis=1) > 0
    for part in (differences, differences[ahead, 20:], differences[~ahead, 20:]):
        error = part.mean(axis=1).std() / np.sqrt(len(part))
        assert part.mean() < 4 * error


@pytest.mark.parametrize("last_look", [False, True])
def test_a_run_of_nulls_accepts_at_a_far_larger_budget_only(last_look: bool) -> None:
    kinds = ["all_or_nothing", "regimes"]
    own = [simulated_run(kind, "series", seed, last_look=last_look).gate for seed in range(3) for kind in kinds]
    large = [simulated_run(kind, "series", seed, 20, last_look=last_look).gate for seed in range(3) for kind in kinds]
    assert sum(own) <= 2  # three of six happen with probability 0.2 % at 5 %
    assert sum(large) >= 1


def test_the_coverage_bench_tells_an_interval_that_covers_from_one_that_does_not() -> None:
    found = measure(lambda what, part: None, repetitions=20, games=(48,))
    rare = [row for row in found["rows"] if row["filled"] >= 0.99]
    assert all(row["cover"] >= 0.8 for row in found["rows"])
    assert all(row["cover_bootstrap"] < 0.75 for row in rare)
    assert all(0 < row["width"] < BEST / 3 for row in found["rows"])

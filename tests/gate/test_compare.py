"""`compare` on anybody's numbers: errors bounded however often one looks, bounds that cover, and input refused by name."""

from __future__ import annotations

import dataclasses
import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.gate import compare as module
from ouroloop.gate.compare import compare
from ouroloop.gate.race import Played, RaceRules, race
from ouroloop.protocols.errors import UsageError

VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=60)


def flips(runs: int, pairs: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (runs, pairs))


def test_a_null_is_accepted_no_more_often_than_alpha_whoever_peeks() -> None:
    """A peeker calls again after every few pairs and stops at the first acceptance; at a larger alpha more get in."""

    def peeks(x: np.ndarray, alpha: float) -> bool:
        return any(compare(x[:n], alpha).accepted for n in range(20, len(x) + 1, 20))

    at, above = (sum(peeks(x, alpha) for x in flips(200, 100)) for alpha in (0.05, 0.4))
    assert at <= 18  # 19 of 200 happen with probability under 1 % even if the bound were tight
    assert above > 18


@given(VALUES, st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_what_was_accepted_once_stays_accepted(values: list[float], cut: int) -> None:
    early, late = compare(values[:cut], 0.3), compare(values, 0.3)
    assert late.accepted >= early.accepted
    if early.accepted:
        assert late.e_value == early.e_value >= 1 / 0.3


@pytest.mark.parametrize(("alpha", "most"), [(0.05, 10), (0.4, 60)])
def test_the_bounds_cover_the_true_mean_at_all_times(alpha: float, most: int) -> None:
    random, mean, missed = np.random.default_rng(4), 0.4, 0
    for _ in range(100):
        x = random.choice([-1.0, 1.0], 120, p=[0.3, 0.7])
        seen = [compare(x[:n], alpha) for n in range(20, 121, 20)]
        missed += not all(found.low <= mean <= found.high for found in seen)
    assert missed <= most
    assert missed > 0 or alpha == 0.05


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_the_bounds_hold_the_mean_and_mirror(values: list[float]) -> None:
    here, there = compare(values), compare([-v for v in values])
    assert -1 <= here.low <= here.mean <= here.high <= 1
    assert (there.low, there.high) == pytest.approx((-here.high, -here.low), abs=1e-4)
    assert here.games == len(values)


@given(st.floats(-1, 1), st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_the_order_of_equal_differences_and_how_they_come_make_no_difference(value: float, count: int) -> None:
    values = [value] * count
    assert (
        compare(values) == compare(values[::-1]) == compare(iter(values)) == compare(np.array(values)) == compare(tuple(values))
    )


def test_a_gain_is_found_and_a_loss_is_told_from_no_finding() -> None:
    x = np.clip(np.random.default_rng(2).normal(0.1, 0.2, 200), -1, 1)
    better, worse, short = compare(x), compare(-x), compare(x[:5])
    assert (better.accepted, worse.accepted, short.accepted) == (True, False, False)
    assert better.low > 0 > worse.high
    assert worse.e_value < 1
    assert [repr(found)[: repr(found).index(" at")] for found in (better, worse, short)] == [
        "Comparison(better than the other",
        "Comparison(worse than the other",
        "Comparison(not shown better",
    ]


def test_it_decides_as_a_race_of_one_does() -> None:
    """The race stakes with an end in view, so evidence differs; on clear cases both must say the same."""
    random = np.random.default_rng(6)
    for mean in (0.2, -0.2):
        x = np.clip(random.normal(mean, 0.2, 200), -1, 1)
        utilities = 0.5 + x / 2
        judged = race(
            lambda names, start, count, u=utilities: Played(  # type: ignore[misc]
                1 - u[start : start + count], dict.fromkeys(names, u[start : start + count])
            ),
            {"c": 0.05},
            RaceRules(200, 8, 0.03, 0.07),
        )["c"]
        assert compare(x).accepted == judged.accepted == (mean > 0)


def test_a_stricter_alpha_asks_for_more_evidence() -> None:
    x = [0.2, 0.0] * 60
    strict, loose = compare(x, 1e-9), compare(x, 0.05)
    assert loose.accepted
    assert not strict.accepted
    assert strict.low < loose.low
    assert strict.high > loose.high


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([], "empty"),
        ([0.0, math.nan], r"difference 1 is nan; .*without a result"),
        ([0.0, 0.0, -math.inf], "difference 2 is -inf"),
        ([0.0, 1.5], r"difference 1 is 1.5; expected numbers in \[-1, 1\]: divide"),
        ([[0.1, 0.2]], r"shape \(1, 2\)"),
        (0.3, r"shape \(\)"),
        (["better"], "must be numbers"),
        ([0.1, None], "difference 1 is nan"),
    ],
)
def test_what_is_wrong_is_named(bad: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        compare(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [0, 1, -0.1, math.nan])
def test_a_level_that_cannot_be_is_refused(alpha: float) -> None:
    with pytest.raises(UsageError, match="alpha"):
        compare([0.1], alpha)


@pytest.mark.parametrize("gain", [0, 1.1, math.nan])
def test_a_gain_that_cannot_be_is_refused(gain: float) -> None:
    with pytest.raises(UsageError, match="gain"):
        compare([0.1], gain=gain)


def test_the_record_is_frozen_and_the_example_in_its_module_is_true() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        compare([0.1]).accepted = True  # type: ignore[misc]
    assert doctest.testmod(module) == (0, 1)

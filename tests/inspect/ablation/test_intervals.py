"""The intervals of ablations: they cover what they say, alone and together, and a single seed has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from ouroloop.inspect.ablation.intervals import MOST_SEEDS, critical, half_width, interval, power, seeds_needed


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("arms", [2, 4])
def test_intervals_cover_together_what_they_say(seeds, arms):
    """Trainings differ with spread 1, shared seeds and games add noise of their own; the truth is 0.3 for every arm."""
    random = np.random.default_rng((seeds, arms))
    shape = (4000, arms, seeds)
    level = random.normal(0, 1, shape) + random.normal(0, 2, (4000, 1, seeds)) + random.normal(0, 0.5, (*shape, 16)).mean(-1)
    level[:, 1:] += 0.3
    differences = level[:, 1:] - level[:, :1]
    held = abs(differences.mean(-1) - 0.3) <= half_width(differences, arms - 1)
    assert 0.93 <= held.all(axis=1).mean() <= 0.97


@given(st.lists(st.floats(-1, 1).map(lambda x: round(x, 6)), min_size=2, max_size=12))
def test_the_interval_is_the_t_tests(differences):
    values = np.array(differences)
    found = interval(values, 1)
    if len(set(differences)) == 1:
        assert (found.low, found.high, found.sd) == (None, None, 0)
        return
    bounds = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), abs=1e-6)


def test_one_seed_has_no_interval():
    found = interval(np.array([0.4]), 1)
    assert (found.difference, found.low, found.high, found.sd, found.seeds_needed) == (0.4, None, None, None, None)


def test_equal_differences_say_nothing_about_their_spread():
    assert interval(np.array([0.25, 0.25, 0.25]), 1).low is None
    assert interval(np.array([0.3 - 0.2, 0.2 - 0.1]), 1).low is None, "rounding errors are no spread"
    same = interval(np.zeros(3), 1)
    assert (same.difference, same.low, same.high, same.seeds_needed) == (0, None, None, None)


def test_two_seeds_say_little_and_no_bound_is_beyond_what_is_possible():
    found = interval(np.array([0.2, 0.1]), 1, most=1.0)
    assert found.low == pytest.approx(0.15 - critical(2, 1) * 0.05)
    assert found.low < 0.1 < 0.2 < found.high
    assert (interval(np.array([0.9, -0.4]), 1, most=1.0).low, interval(np.array([0.9, -0.4]), 1, most=1.0).high) == (-1, 1)


@pytest.mark.parametrize(("difference", "sd", "comparisons"), [(0.5, 1.0, 1), (0.3, 0.1, 1), (0.05, 0.08, 3), (-0.02, 0.1, 1)])
def test_the_seeds_needed_are_the_fewest_with_enough_power(difference, sd, comparisons):
    found = seeds_needed(difference, sd, comparisons)
    assert power(found, difference, sd, comparisons) >= 0.8
    assert found == 2 or power(found - 1, difference, sd, comparisons) < 0.8
    draws = np.random.default_rng(1).normal(difference, sd, (4000, found))
    seen = (abs(draws.mean(-1)) > half_width(draws, comparisons)).mean()
    assert seen == pytest.approx(power(found, difference, sd, comparisons), abs=0.03)


def test_a_textbook_number_of_seeds():
    assert seeds_needed(0.5, 1.0, 1) == 34  # Cohen (1988): paired t, d = 0.5, power 0.8


def test_a_difference_that_no_number_of_seeds_shows_has_none():
    assert seeds_needed(0.0, 1.0, 1) is None
    assert seeds_needed(1e-4, 1.0, 1) is None
    assert math.isfinite(power(MOST_SEEDS, 1e-4, 1.0, 1))

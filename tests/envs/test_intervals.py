"""Intervals of mean scores and of shares: they cover for players of every strength, and say what a sample cannot show."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.envs.intervals import score_interval, share_interval

BEST = 97


def scores(random: np.random.Generator, games: int, filled: float, lost: str) -> tuple[np.ndarray, float]:
    """Return scores of a player that fills this share of boards and dies somewhere in the others, and their true mean."""
    shares = {"anywhere": (1.0, 1.0), "early": (1.0, 4.0), "late": (6.0, 1.5), "at once": (0.1, 40.0)}[lost]
    drawn = np.where(random.random(games) < filled, 1.0, random.beta(*shares, games))
    return BEST * drawn, BEST * (filled + (1 - filled) * shares[0] / sum(shares))


@pytest.mark.parametrize("lost", ["anywhere", "early", "late", "at once"])
@pytest.mark.parametrize("filled", [0.5, 0.9, 0.99, 0.995])
def test_intervals_cover_whatever_share_of_boards_a_player_fills(filled: float, lost: str) -> None:
    random, runs, covered = np.random.default_rng(3), 80, 0
    for _ in range(runs):
        drawn, mean = scores(random, 48, filled, lost)
        found = score_interval(drawn, BEST)
        covered += found.low <= mean <= found.high
    assert covered >= 70  # of 80; fewer happen with probability 0.2 % at a true cover of 95 %


def test_an_interval_can_miss_so_it_is_not_merely_wide() -> None:
    random, missed, widths = np.random.default_rng(4), 0, []
    for _ in range(150):
        drawn, mean = scores(random, 100, 0.5, "at once")
        found = score_interval(drawn, BEST, level=0.8)
        missed += not found.low <= mean <= found.high
        widths.append(found.high - found.low)
    assert 0 < missed <= 42
    assert np.mean(widths) < 1.5 * 2 * 1.28 * 0.5 * BEST / math.sqrt(100)  # half again the normal interval's


def test_the_exact_error_of_either_end_is_at_most_its_share() -> None:
    """All samples of seven games that are won or lost."""
    for mean in (0.05, 0.3, 0.9):
        below = above = 0.0
        for sample in itertools.product((0.0, 1.0), repeat=7):
            chance = math.prod(mean if won else 1 - mean for won in sample)
            found = score_interval(sample, 1, level=0.6)
            below += chance * (found.high < mean)
            above += chance * (found.low > mean)
        assert max(below, above) <= 0.2


@given(st.lists(st.integers(0, BEST), min_size=1, max_size=70), st.floats(0.5, 0.99))
@settings(max_examples=30, deadline=None)
def test_an_interval_holds_the_mean_stays_in_range_and_mirrors(values: list[int], level: float) -> None:
    found = score_interval(values, BEST, level=level)
    mirrored = score_interval([BEST - v for v in values], BEST, level=level)
    assert 0 <= found.low <= found.mean <= found.high <= BEST
    assert found.mean == pytest.approx(np.mean(values))
    assert mirrored.low == pytest.approx(BEST - found.high, abs=1e-6)
    wide = score_interval(values, BEST, level=0.999)
    assert wide.low <= found.low + 1e-6
    assert wide.high >= found.high - 1e-6
    assert found.low < BEST or found.high > 0  # however alike the games are, the interval has a width
    assert found.high > found.low


@pytest.mark.parametrize("games", [20, 48, 500])
def test_games_that_are_all_alike_leave_as_much_open_as_clopper_and_pearson(games: int) -> None:
    found, (low, _) = score_interval([BEST] * games, BEST), share_interval(games, games)
    assert found.high == BEST
    assert low - 0.1 < found.low / BEST <= low + 1e-3


def test_many_games_take_milliseconds_and_a_textbook_width() -> None:
    values = np.random.default_rng(1).integers(20, 60, 50_000)
    found, error = score_interval(values, BEST), values.std() / math.sqrt(50_000)
    assert 2 * 1.9 * error < found.high - found.low < 2 * 3 * error


@pytest.mark.parametrize("values", [[-3, 4, 5, 6] * 12, [4, 5, 6, 7] * 12, [120] * 48, [5]])
def test_without_a_best_score_it_is_students_and_reaches_down_to_what_bets_allow(values: list[int]) -> None:
    from scipy.stats import ttest_1samp

    best = None if min(values) >= 0 else BEST
    found = score_interval(values, best)
    if len(set(values)) > 1:
        known = ttest_1samp(values, 0).confidence_interval(0.95)
        assert found.high == pytest.approx(known.high)
        assert found.low <= known.low + 1e-9
    else:
        assert 0 < found.low < found.mean == found.high


def test_a_share_has_the_exact_interval() -> None:
    from scipy.stats import binomtest

    for won, games in ((0, 1), (0, 48), (47, 48), (48, 48), (250, 500)):
        known = binomtest(won, games).proportion_ci(0.95, "exact")
        assert share_interval(won, games) == pytest.approx((known.low, known.high))

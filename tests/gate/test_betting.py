"""Bets with a horizon: stakes that only the past decides, exact error probabilities, and power near the optimum."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.bench.gate.simulated import raced
from ouroloop.bench.gate.yardsticks.optimum import best_power, three_points
from ouroloop.gate.betting import PairedTest, Wager, capitals, pace
from ouroloop.gate.race import Played, RaceRules, race

DIFFERENCES = st.lists(st.floats(-1, 1), min_size=1, max_size=40)
LAWS = {
    "a coin": ((-1.0, 1.0), (0.5, 0.5)),
    "rare heavy losses": ((0.125, -1.0), (8 / 9, 1 / 9)),
    "rare heavy wins": ((-0.25, 1.0), (0.8, 0.2)),
    "mostly ties": ((0.0, -1.0, 1.0), (0.8, 0.1, 0.1)),
}
"""Laws of a difference with a mean of 0."""


def paths(law: str, games: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every path of outcomes, (m^n, n), and its probability under a law."""
    values, shares = LAWS[law]
    rows = np.array(list(itertools.product(range(len(values)), repeat=games)))
    return np.array(values)[rows], np.array(shares)[rows].prod(axis=1)


def capital(path: np.ndarray, bar: float, horizon: int | None) -> float:
    wager = Wager(0.0, 0.03, bar, horizon)
    wager.add(path)
    return wager.log_e


@pytest.mark.parametrize("alpha", [0.3, 0.05])
@pytest.mark.parametrize(
    ("law", "games"), [("a coin", 10), ("rare heavy losses", 10), ("rare heavy wins", 10), ("mostly ties", 6)]
)
def test_the_exact_error_under_a_null_is_at_most_alpha(law: str, games: int, alpha: float) -> None:
    """All paths of a short race: the capital has a mean of 1, and both ways to accept keep to the level."""
    every, shares = paths(law, games)
    logs = np.array([capital(path, -math.log(alpha), games) for path in every])
    assert shares @ np.exp(logs) == pytest.approx(1, abs=1e-9)
    won = shares @ (logs >= -math.log(alpha))
    with_last_look = shares @ np.minimum(1, alpha * np.exp(logs))
    assert won <= with_last_look <= alpha + 1e-12
    assert with_last_look > 0.6 * alpha  # hardly anything is wasted


@pytest.mark.parametrize("law", ["a coin", "rare heavy wins"])
def test_a_whole_race_with_futility_and_last_look_keeps_to_its_level(law: str) -> None:
    """All paths of eight pairs, looked at after every second; the last look accepts with probability alpha times e-value."""
    every, shares = paths(law, 8)
    alpha, rules, accepted = 0.2, RaceRules(8, 2, 0.03, 0.3), 0.0
    for number, (path, share) in enumerate(zip(every, shares, strict=True)):
        found = race(_play(path), {"c": alpha}, rules)["c"]
        chance = min(1.0, alpha * found.e_value)
        assert found.accepted == (chance == 1)
        accepted += share * chance
        if number % 8 == 0 and 0 < chance < 1:
            lucky, unlucky = (race(_play(path), {"c": alpha}, rules, {"c": chance * f})["c"] for f in (0.99, 1.01))
            assert (lucky.accepted, unlucky.accepted) == (True, False)
            assert "last look" in lucky.reason
    assert 0.5 * alpha < accepted <= alpha


def _play(path: np.ndarray):  # type: ignore[no-untyped-def]
    return lambda names, start, count: Played(
        np.maximum(0, -path[start : start + count]), {"c": np.maximum(0, path[start : start + count])}
    )


@given(DIFFERENCES, DIFFERENCES, st.integers(1, 80), st.floats(0.001, 0.5))
@settings(max_examples=100, deadline=None)
def test_stakes_follow_from_the_past_and_leave_some_capital(
    past: list[float], future: list[float], horizon: int, alpha: float
) -> None:
    short, long_ = Wager(0, 0.03, -math.log(alpha), horizon), Wager(0, 0.03, -math.log(alpha), horizon)
    short.add(np.array(past))
    long_.add(np.array([*past, *future]))
    assert np.array_equal(short.stakes, long_.stakes[: len(past)])
    assert np.all((long_.stakes >= 0) & (long_.stakes < 1))
    assert math.isfinite(long_.log_e)


@given(DIFFERENCES, st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_batches_make_no_difference_to_bets_with_a_horizon(values: list[float], cut: int) -> None:
    whole, parts = (PairedTest(alpha=0.05, beta=0.1, gain=0.03, games=64) for _ in range(2))
    whole.add(np.array(values))
    parts.add(np.array(values[:cut]))
    parts.add(np.array(values[cut:]))
    assert whole.better.log_e == pytest.approx(parts.better.log_e, abs=1e-12)
    assert whole.better.chance(10) == pytest.approx(parts.better.chance(10))


@given(st.floats(0.001, 400), st.integers(1, 10_000), st.floats(1e-4, 1))
@settings(max_examples=100, deadline=None)
def test_the_pace_rises_with_what_is_missing_and_falls_with_the_games_left(need: float, games: int, variance: float) -> None:
    here = pace(need, games, variance)
    assert 0 < here < math.inf
    assert pace(need + 0.5, games, variance) > here
    assert pace(need, games + 1, variance) < here
    assert here <= math.sqrt(2 * need / (games * variance)) * (1 + 1e-9) or need < 1  # below its expansion


def test_the_pace_is_continuous_where_its_expansion_begins() -> None:
    assert pace(499.99, 100, 0.05) == pytest.approx(pace(500.01, 100, 0.05), rel=1e-3)
    assert pace(1.0, 0, 0.05) == 0


@given(DIFFERENCES, st.floats(0.01, 0.5))
@settings(max_examples=60, deadline=None)
def test_the_interval_never_widens_except_to_hold_the_mean(values: list[float], alpha: float) -> None:
    test, low, high = PairedTest(alpha=0.05, beta=0.1, gain=0.03), -1.0, 1.0
    for value in values:
        test.add(np.array([value]))
        now = test.interval(alpha)
        assert now[0] <= test.mean <= now[1]
        assert now[0] >= min(low, test.mean) - 1e-4
        assert now[1] <= max(high, test.mean) + 1e-4
        low, high = now


def test_the_optimum_is_that_of_short_games_worked_out_by_hand() -> None:
    """A coin that always comes up 1 doubles a full stake: power 2^n alpha. One without a gain leaves the level."""
    one, sure = np.array([1.0]), np.array([1.0])
    assert best_power(one, sure, 0.01, 3) == pytest.approx(0.08, rel=1e-3)
    assert best_power(one, sure, 0.2, 3) == pytest.approx(1, rel=1e-3)
    assert best_power(np.array([-1.0, 1.0]), np.array([0.5, 0.5]), 0.05, 8) == pytest.approx(0.05, rel=1e-3)
    # Neyman and Pearson: of 2 tosses at level 1/4, accept two heads
    assert best_power(np.array([-1.0, 1.0]), np.array([0.3, 0.7]), 0.25, 2) == pytest.approx(0.49, rel=3e-3)


@pytest.mark.parametrize(("spread", "gain"), [(0.28, 0.1), (0.4, 0.15)])
def test_power_is_near_the_optimum_and_never_above_it(spread: float, gain: float) -> None:
    random, runs, games, level = np.random.default_rng(1), 120, 64, 0.05
    values, shares = three_points(spread, gain)
    optimum = best_power(values, shares, level, games, points=400)
    drawn = random.choice(values, (runs, games), p=shares)
    found = {
        look: np.mean([raced(np.maximum(0, -x), np.maximum(0, x)[None], level, last_look=look)[0].accepted for x in drawn])
        for look in (None, random)
    }
    error = 3 * math.sqrt(optimum * (1 - optimum) / runs)
    assert optimum - 0.13 - error < found[None]
    assert max(found.values()) < optimum + error
    assert found[random] >= found[None] - 0.01


def test_a_law_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"spread 0\.1 and the gain 0\.3"):
        three_points(0.1, 0.3)
    values, shares = three_points(0.2, 0.05)
    assert (values @ shares, (values**2 @ shares) - 0.05**2) == (pytest.approx(0.05), pytest.approx(0.04))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([None, 40, 100]))
def test_the_path_of_the_evidence_ends_where_the_test_does(seed: int, count: int, games: int | None) -> None:
    x = np.random.default_rng(seed).uniform(-1, 1, count)
    test = PairedTest(alpha=0.01, beta=0.07, gain=0.03, games=games)
    test.add(x)
    path = capitals(x, alpha=0.01, gain=0.03, games=games)
    assert path[-1] == pytest.approx(test.better.log_e)
    assert np.allclose(capitals(x[: count // 2], alpha=0.01, gain=0.03, games=games), path[: count // 2])

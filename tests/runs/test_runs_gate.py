"""The gate's statistics: errors bounded, effects found, intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroboros.runs.gate.betting import BettingTest
from ouroboros.runs.gate.oracle import score_bank
from ouroboros.runs.gate.paired import judge
from ouroboros.runs.gate.spending import summable_share


def heavy_tailed(random: np.random.Generator, n: int) -> np.ndarray:
    """Mean-zero differences with ties and rare big swings."""
    return np.where(random.random(n) < 0.9, 0.0, random.choice([-1.0, 1.0], n)) * random.random(n)


def play_from(differences: np.ndarray):
    return lambda start, count: (0.5 + differences[start : start + count] / 2, 0.5 - differences[start : start + count] / 2)


def test_a_null_is_accepted_no_more_often_than_alpha() -> None:
    random = np.random.default_rng(1)
    accepted = [
        judge(play_from(heavy_tailed(random, 200)), alpha=0.05, games=200, batch=10, futility=0.0).better for _ in range(400)
    ]
    # 400 tests at 0.05: 33 or more happen with probability under 0.5 % even if the bound were tight.
    assert sum(accepted) <= 32


def test_a_true_gain_is_found_and_stops_early() -> None:
    random = np.random.default_rng(2)
    found = [
        judge(play_from(np.clip(random.normal(0.1, 0.15, 200), -1, 1)), alpha=0.01, games=200, batch=16, futility=0.005)
        for _ in range(20)
    ]
    assert all(f.better for f in found)
    assert np.mean([f.effect.games for f in found]) < 120


def test_a_clear_loss_is_gone_quickly() -> None:
    random = np.random.default_rng(3)
    found = judge(play_from(np.clip(random.normal(-0.3, 0.2, 200), -1, 1)), alpha=0.01, games=200, batch=16, futility=0.005)
    assert not found.better
    assert found.effect.games <= 32
    assert found.reason.startswith(("worse", "futile"))


def test_the_confidence_sequence_covers_at_all_times() -> None:
    random = np.random.default_rng(4)
    missed = 0
    for _ in range(100):
        test, mean = BettingTest(), 0.12
        covered = True
        for _ in range(12):
            test.add(random.choice([-0.4, 0.0, 0.4], 10, p=[0.2, 0.3, 0.5]))
            low, high = test.interval(0.05)
            covered &= low <= mean <= high
        missed += not covered
    assert missed <= 12


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.integers(1, 59))
@settings(max_examples=50, deadline=None)
def test_evidence_does_not_depend_on_how_games_are_batched(values: list[float], cut: int) -> None:
    whole, parts = BettingTest(), BettingTest()
    whole.add(np.array(values))
    parts.add(np.array(values[:cut]))
    parts.add(np.array(values[cut:]))
    assert math.isclose(whole.log_e_better, parts.log_e_better, abs_tol=1e-9)
    assert whole.interval(0.1) == parts.interval(0.1)


@pytest.mark.parametrize("bad", [1.5, -1.01, math.nan, math.inf])
def test_what_is_no_bounded_difference_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        BettingTest().add(np.array([0.0, bad]))


def test_the_shares_of_the_budget_stay_under_it() -> None:
    shares = [summable_share(0.05, k) for k in range(1, 20_000)]
    assert 0.049 < sum(shares) < 0.05
    assert shares == sorted(shares, reverse=True)


def bank(n: int) -> np.ndarray:
    """Regrets of n positions where move 0 is best, 1 a detour, 2 a trap and 3 a death."""
    return np.tile(np.array([0.0, 0.05, 0.7, 1.0], dtype=np.float32), (n, 1))


def test_the_screen_rejects_the_same_player_and_the_hopeless_and_nothing_else() -> None:
    good, same = np.zeros(256, dtype=np.int8), np.zeros(256, dtype=np.int8)
    assert "same moves" in (score_bank(bank(256), same, good).objection or "")
    assert "loses at" in (score_bank(bank(256), np.full(256, 3, dtype=np.int8), good).objection or "")
    assert score_bank(bank(256), np.ones(256, dtype=np.int8), good).objection is None
    slip = good.copy()
    slip[:3] = 3
    assert score_bank(bank(256), slip, good).objection is None
    assert score_bank(bank(256), good, slip).objection is None

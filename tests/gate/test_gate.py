"""The gate's statistics: errors bounded, effects found, intervals that cover, races that end with the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.gate.betting import PairedTest, Wager
from ouroloop.gate.race import Judgement, Played, RaceRules, race
from ouroloop.gate.spending import RULES, spending
from ouroloop.gate.ttest import paired_t
from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import Spent

RULES_200 = RaceRules(games=200, batch=10, gain=0.03, beta=0.07)


def heavy_tailed(random: np.random.Generator, n: int) -> np.ndarray:
    """Mean-zero differences with ties and rare big swings."""
    return np.where(random.random(n) < 0.9, 0.0, random.choice([-1.0, 1.0], n)) * random.random(n)


def run_race(incumbent: np.ndarray, level: float = 0.05, rules: RaceRules = RULES_200, **field: Any) -> dict[str, Judgement]:
    """Race candidates whose utilities are given; a fault in place of them is raised at the first block."""

    def play(names: Sequence[str], start: int, count: int) -> Played:
        games = slice(start, start + count)
        mine = {n: field[n] if isinstance(field[n], CandidateFault) else field[n][games] for n in names}
        return Played(incumbent[games], mine)

    return race(play, dict.fromkeys(field, level), rules)


def alone(differences: np.ndarray, level: float = 0.05, rules: RaceRules = RULES_200) -> Judgement:
    return run_race(0.5 - differences / 2, level, rules, c=0.5 + differences / 2)["c"]


def test_a_null_is_accepted_no_more_often_than_its_level() -> None:
    """Coin flips come near the bound; at four times the level as many more get in, so the count can tell."""
    random = np.random.default_rng(1)
    flips = [random.choice([-1.0, 1.0], 200) for _ in range(300)]
    at, above = (sum(alone(x, level).accepted for x in flips) for level in (0.05, 0.2))
    assert at <= 24  # 25 of 300 happen with probability under 1 % even if the bound were tight
    assert above > 24


def test_the_capital_is_a_martingale_under_the_null() -> None:
    random, games = np.random.default_rng(5), 60
    capital = []
    for _ in range(4000):
        wager = Wager(0.0, 0.1)
        wager.add(random.choice([-0.5, 0.5], games))
        capital.append(math.exp(wager.log_e))
    mean, error = np.mean(capital), np.std(capital) / 4000**0.5
    assert abs(mean - 1) < 4 * error


def test_a_true_gain_is_found_and_stops_early() -> None:
    random = np.random.default_rng(2)
    found = [alone(np.clip(random.normal(0.1, 0.15, 200), -1, 1), 0.01) for _ in range(20)]
    assert all(f.accepted for f in found)
    assert np.mean([f.effect.games for f in found if f.effect]) < 70


def test_a_clear_loss_is_gone_quickly() -> None:
    random = np.random.default_rng(3)
    found = alone(np.clip(random.normal(-0.3, 0.2, 200), -1, 1))
    assert not found.accepted
    assert found.effect is not None
    assert found.effect.games <= 20
    assert found.reason.startswith(("worse", "futile"))


@pytest.mark.parametrize(("alpha", "most"), [(0.05, 15), (0.4, 120)])
def test_the_confidence_sequence_covers_at_all_times(alpha: float, most: int) -> None:
    random, mean, missed = np.random.default_rng(4), 0.4, 0
    for _ in range(200):
        test, covered = PairedTest(alpha=0.01, beta=0.1, gain=0.1), True
        for _ in range(12):
            test.add(random.choice([-1.0, 1.0], 10, p=[0.3, 0.7]))
            low, high = test.interval(alpha)
            covered &= low <= mean <= high
        missed += not covered
    assert missed <= most
    assert missed > 0 or alpha == 0.05


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.integers(1, 59))
@settings(max_examples=50, deadline=None)
def test_evidence_does_not_depend_on_how_games_are_batched(values: list[float], cut: int) -> None:
    whole, parts = (PairedTest(alpha=0.05, beta=0.1, gain=0.03) for _ in range(2))
    whole.add(np.array(values))
    parts.add(np.array(values[:cut]))
    parts.add(np.array(values[cut:]))
    assert whole.better.log_e == parts.better.log_e
    assert whole.futile.log_e == parts.futile.log_e
    assert whole.interval(0.1) == parts.interval(0.1)


@given(st.lists(st.floats(-1, 1), max_size=80))
@settings(max_examples=50, deadline=None)
def test_an_interval_mirrors_and_holds_the_mean(values: list[float]) -> None:
    here, there = (PairedTest(alpha=0.05, beta=0.1, gain=0.03) for _ in range(2))
    here.add(np.array(values))
    there.add(-np.array(values))
    low, high = here.interval(0.05)
    assert -1 <= low <= here.mean <= high <= 1
    assert there.interval(0.05) == pytest.approx((-high, -low), abs=1e-4)


@pytest.mark.parametrize("bad", [1.5, -1.01, math.nan, math.inf])
def test_what_is_no_bounded_difference_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        PairedTest(alpha=0.05, beta=0.1, gain=0.03).add(np.array([0.0, bad]))


@pytest.mark.parametrize("name", sorted(RULES))
@given(accepted=st.lists(st.booleans(), max_size=60))
@settings(max_examples=30, deadline=None)
def test_a_rule_keeps_to_its_budget(name: str, accepted: list[bool]) -> None:
    rule, history = spending(name, 0.05), list[Spent]()
    for was in accepted:
        level, left = rule.level(history), rule.left(history)
        assert 0 < level <= left
        history.append(Spent(level, was))
        raised = 1 + sum(s.accepted for s in history) if name == "e-lond" else 1
        assert rule.left(history) == pytest.approx(0.05 * raised / (len(history) + 1))
    if name == "series":
        assert sum(s.level for s in history) + rule.left(history) == pytest.approx(0.05)
    else:  # e-LOND: the sum of level over the acceptances before it, plus one, stays under the bound
        so_far = [1 + sum(accepted[:k]) for k in range(len(accepted))]
        assert sum(s.level / d for s, d in zip(history, so_far, strict=True)) < 0.05


def utilities(mean: float, n: int = 200, seed: int = 0) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, n), 0, 1)


def test_the_best_of_a_race_wins_and_the_others_say_why_they_did_not() -> None:
    found = run_race(utilities(0.4), good=utilities(0.5, seed=1), best=utilities(0.7, seed=2), bad=utilities(0.2, seed=3))
    assert [name for name, judged in found.items() if judged.accepted] == ["best"]
    assert found["good"].reason.startswith(("beaten by best", "still undecided when best", "shown better as well, but best"))
    assert found["bad"].reason.startswith(("worse", "futile", "beaten"))
    assert len(found["bad"].differences) <= len(found["best"].differences)


def test_games_go_where_they_decide() -> None:
    asked: list[Sequence[str]] = []
    incumbent, field = utilities(0.5), {"close": utilities(0.52, seed=1), "lost": utilities(0.1, seed=2)}

    def play(names: Sequence[str], start: int, count: int) -> Played:
        asked.append(names)
        return Played(incumbent[start : start + count], {n: field[n][start : start + count] for n in names})

    race(play, {"close": 0.05, "lost": 0.05}, RULES_200)
    assert asked[0] == ["close", "lost"]
    assert all(names == ["close"] for names in asked[2:])
    assert len(asked) > 3


def test_a_candidate_that_fails_leaves_the_race_and_the_rest_go_on() -> None:
    fault = CandidateFault("sandbox", "took longer")
    found = run_race(utilities(0.4), broken=fault, good=utilities(0.6, seed=1))
    assert (found["broken"].accepted, found["broken"].layer, found["broken"].effect) == (False, "sandbox", None)
    assert found["good"].accepted


def test_of_equals_the_first_wins() -> None:
    same = utilities(0.7, seed=1)
    found = run_race(utilities(0.4), first=same, second=same)
    assert found["first"].accepted
    assert not found["second"].accepted
    assert "first" in found["second"].reason


def test_better_by_shorter_paths_alone_is_better() -> None:
    """Utility is score/max * (0.9 + 0.1 * path optimality): the same score by shorter ways counts."""
    random = np.random.default_rng(0)
    score = random.normal(0.8, 0.01, 400).clip(0, 1)
    short, long_ = score * (0.9 + 0.1 * 0.95), score * (0.9 + 0.1 * 0.35)
    assert run_race(long_, rules=RaceRules(400, 8, 0.03, 0.07), c=short)["c"].accepted


def test_the_t_test_is_that_of_scipy() -> None:
    from scipy.stats import ttest_1samp

    x = np.random.default_rng(0).normal(0.05, 0.2, 140)
    found, known = paired_t(x), ttest_1samp(x[:100], 0.0, alternative="greater")
    assert found is not None
    assert (found.games, found.t, found.p) == (
        100,
        pytest.approx(known.statistic, abs=1e-5),
        pytest.approx(known.pvalue, rel=1e-5),
    )
    assert paired_t(x[:1]) is None
    assert [paired_t(np.full(5, v)).p for v in (0.0, 0.1, -0.1)] == [0.5, 0.0, 1.0]  # type: ignore[union-attr]

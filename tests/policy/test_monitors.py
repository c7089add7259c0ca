"""Monitors and alarms: what they estimate, when they ring, and that noise rings nothing."""

import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from ouroloop.policy.grpo.monitors import (
    RULES,
    Alarm,
    Limits,
    Truth,
    Watch,
    diversity,
    judge,
    k3,
    paired,
    zero_variance,
)
from ouroloop.policy.grpo.truth import mean_return
from ouroloop.policy.report import MEASURED, AlarmName, alarm_line

SHORT = Limits(window=3)
HEALTHY = {
    "kl_old": 0.01,
    "kl": 0.1,
    "clip_off": 0.1,
    "entropy": 0.5,
    "diversity": 0.5,
    "grad_norm": 1.0,
    "zero_variance": 0.3,
    "rewarded": 0.7,
    "sampler_gap": 1e-6,
}


def rung(watch, figures, steps=4):
    """The names of the alarms that so many equal steps ring, each with its step."""
    return [(alarm.name, alarm.step) for step in range(1, steps + 1) for alarm in watch.look(step, figures)]


def test_k3_estimates_the_divergence_and_k1_without_its_correction_would_not():
    generator = np.random.default_rng(0)
    q, p = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    drawn = generator.choice(3, 200_000, p=q)
    exact = float((q * np.log(q / p)).sum())
    assert k3(np.log(p / q)[drawn]) == pytest.approx(exact, rel=0.03)
    assert k3(np.zeros(0)) == 0.0


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-5, 5)))
def test_k3_is_never_negative(log_ratio):
    assert k3(log_ratio) >= 0
    assert k3(0 * log_ratio) == 0


def test_groups():
    assert zero_variance(np.array([[1, 1, 1], [1, 1, 2]], np.float32)).tolist() == [True, False]
    assert diversity(np.array([[3, 3], [3, 4], [5, 5], [5, 6]])) == 0.5
    assert diversity(np.zeros((0, 4), np.int64)) == 0.0


def test_a_healthy_training_rings_nothing():
    assert rung(Watch(SHORT), HEALTHY, 20) == []


@pytest.mark.parametrize(
    ("figures", "name", "step"),
    [
        ({"kl_old": 0.031}, "kl_old", 3),
        ({"kl": 1.1}, "kl_reference", 3),
        ({"clip_off": 0.31}, "clipping", 3),
        ({"clip_off": 0.0}, "no_clipping", 3),
        ({"entropy": 0.009}, "entropy", 3),
        ({"diversity": 0.01}, "diversity", 3),
        ({"grad_norm": 21.0}, "grad_norm", 3),
        ({"zero_variance": 0.95}, "zero_variance", 3),
        ({"sampler_gap": 2e-3}, "sampler", 1),
        ({"grad_norm": 0.0}, "first_step", 1),
    ],
)
def test_each_figure_rings_its_alarm_once(figures, name, step):
    assert rung(Watch(SHORT), HEALTHY | figures, 9) == [(name, step)]


def test_every_rule_has_its_bound_and_its_case():
    assert {rule.figure for rule in RULES} <= set(HEALTHY)
    for rule in RULES:
        assert rule.alarm == "no_clipping" or hasattr(SHORT, rule.alarm)


def test_what_stops_is_a_setting_and_the_rest_are_notes():
    watch = Watch(Limits(window=1, stops=frozenset({"kl_old"})))
    found = watch.look(1, HEALTHY | {"kl_old": 1.0, "sampler_gap": 1.0})
    assert {(one.name, one.severity) for one in found} == {("kl_old", "stop"), ("sampler", "note")}
    with pytest.raises(ValidationError):
        Limits(stops=frozenset({"nonsense"}))


def test_one_odd_step_rings_no_smooth_alarm():
    watch = Watch(Limits(window=10))
    odd = [HEALTHY | {"kl_old": 0.1 if step == 5 else 0.0, "grad_norm": 100.0 if step == 5 else 1.0} for step in range(1, 30)]
    assert [watch.look(step, figures) for step, figures in enumerate(odd, start=1)] == [[]] * 29


def test_a_zero_gradient_is_no_fault_where_no_group_has_anything_to_learn_from():
    assert rung(Watch(SHORT), HEALTHY | {"grad_norm": 0.0, "rewarded": 0.0}, 2) == []
    assert rung(Watch(SHORT), {k: v for k, v in HEALTHY.items() if k != "clip_off"}, 9) == []  # never off policy


def test_a_watch_goes_on_from_its_state():
    whole, first = Watch(SHORT), Watch(SHORT)
    for step in (1, 2):
        for watch in (whole, first):
            watch.look(step, HEALTHY | {"kl": 3.0, "sampler_gap": 1.0})
    second = Watch(SHORT)
    second.restore(json.loads(json.dumps(first.state())))
    rest = [(step, HEALTHY | {"kl": 3.0, "sampler_gap": 1.0}) for step in (3, 4)]
    told = [whole.look(*one) for one in rest]
    assert [second.look(*one) for one in rest] == told
    assert [one.name for one in told[0]] == ["kl_reference"]


def truths(score, proxy, games=48, seed=0):
    """A first check and one whose means have moved by `score` and `proxy`, with games of their own noise."""
    generator = np.random.default_rng(seed)
    skill = generator.normal(10, 4, games)
    first = Truth(0, skill + generator.normal(0, 4, games), generator.normal(0, 0.3, games))
    return first, Truth(
        35, skill + score + generator.normal(0, 4, games), first.proxy + proxy + generator.normal(0, 0.3, games)
    )


@pytest.mark.parametrize(
    ("score", "proxy", "names"),
    [(-5, 0.5, ["reward_hacking"]), (-5, -0.5, ["score_fell"]), (-5, 0.0, ["score_fell"]), (5, 0.5, []), (0, 0.5, [])],
)
def test_a_rising_return_with_a_falling_score_is_reward_hacking(score, proxy, names):
    found = judge(*truths(score, proxy), 4, Limits())
    assert [one.name for one in found] == names
    if names == ["reward_hacking"]:
        assert found[0].severity == "stop"
        assert str(found[0]).startswith("reward hacking at step 35: change of the score -")
        assert str(found[0]).count("reward hacking") == 1
        assert found[0].value == pytest.approx(-5, abs=2.5)


def test_noise_alone_rings_at_most_at_its_level():
    """A thousand trainings of four checks in which nothing changes: fewer than one in a hundred rings, with room for chance."""
    rang = sum(any(judge(*truths(0, 0, seed=4 * run + check), 4, Limits()) for check in range(4)) for run in range(1000))
    assert rang <= 22


def test_paired_comparison_is_blind_to_what_games_have_in_common():
    generator = np.random.default_rng(1)
    easy = generator.normal(0, 100, 50)
    found = paired(easy, easy + 1 + generator.normal(0, 0.1, 50), 0.01)
    assert 0.9 < found.low < found.mean < found.high < 1.1
    assert paired(np.array([1.0]), np.array([2.0]), 0.01).low == -np.inf


def test_mean_return_is_that_of_every_moves_own_future():
    rewards = np.array([[1.0, 5.0], [2.0, 7.0], [4.0, 9.0]], np.float32)
    running = np.array([[True, True], [True, False], [True, False]])
    ahead = [1 + 0.5 * 2 + 0.25 * 4, 2 + 0.5 * 4, 4]
    assert mean_return(rewards, running, 0.5).tolist() == pytest.approx([np.mean(ahead), 5.0])


def test_an_alarm_is_one_line():
    assert "\n" not in str(Alarm("kl_old", 3, 0.05, 0.03, "too far", "note"))


def test_every_alarm_names_its_value():
    assert set(MEASURED) == set(get_args(AlarmName))
    said = alarm_line("reward_hacking", 50, -2.0, 0.0, "the return rose", "stop")
    assert said == "reward hacking at step 50 (stop): change of the score -2, bound 0: the return rose"

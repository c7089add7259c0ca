"""The screen of reward specs, on a synthetic record where what is good and what can be gamed are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.records import RewardSpec, RewardTerm
from ouroloop.rewards.gameable import circling_pay, progress_column
from ouroloop.rewards.recorded import Recorded, RewardLimits
from ouroloop.rewards.screen import screen_spec

FEATURES = ("step", "ate", "approach", "idle", "turned", "distance", "died")


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """64 episodes on a line: foods drive utility; some spans wander to and fro before, some end without any food."""
    rng = np.random.default_rng(0)
    rows, episode, utility, steps = [], [], [], []
    for e in range(64):
        foods, length, x = int(rng.integers(0, 10)), 0, []
        for food in range(foods + 1):
            lost = food == foods
            distance, idle = 6, 0
            while distance > 0 and idle < 40:
                idle += 1
                wander = lost or rng.random() < 0.3
                step = int(rng.choice([-1, 1])) if wander else -1
                moved = max(1 if lost else 0, min(8, distance + step))
                x.append((1, moved == 0, np.sign(distance - moved), idle / 40, rng.integers(0, 2), moved / 8, 0))
                distance = moved
        x[-1] = (*x[-1][:6], 1)
        length = len(x)
        rows.append(np.array(x, np.float32))
        episode += [e] * length
        utility.append(foods / 10)
        steps.append(length)
    return Recorded(np.concatenate(rows), np.array(episode), np.array(utility), np.array(steps))


def spec(expr: str, weight: float = 1.0, clip: float = 1.0) -> RewardSpec:
    return RewardSpec(terms=(RewardTerm(name="t", expr=expr, weight=weight, clip=clip),))


@pytest.mark.parametrize(
    ("expr", "weight"),
    [
        ("ate", 1.0),
        ("approach", 0.5),
        ("idle", -0.5),
        ("step - ate", -0.1),
        ("approach - idle", 1.0),
        ("died", -1.0),
        ("-distance", 1),
    ],
)
def test_honest_rewards_pass(recorded, expr, weight):
    screen_spec(spec(expr, weight), FEATURES, recorded)


@pytest.mark.parametrize(
    ("candidate", "layer", "says"),
    [
        (spec("eaten"), "schema", "'ate'"),
        (spec("sqrt(approach)"), "finite", r"not finite on \d+\.\d % of \d+"),
        (spec("1000 * distance + 5"), "bounded", r"beyond its clip 1 on 100\.0 %"),
        (spec("ate", weight=10, clip=100), "bounded", "reward of 1e\\+03"),
        (RewardSpec(), "gameable", "no signal"),
        (spec("step", -0.1), "gameable", "no signal"),
        (spec("0.5 * step + 0.1 * ate"), "gameable", r"circles earns 0\.5 a step"),
        (spec("max(approach, 0)"), "gameable", "circles earns"),
        (spec("turned"), "gameable", "circles earns"),
        (spec("idle"), "gameable", "circles earns"),
        (spec("approach", -1.0), "gameable", "on the way to progress"),
        (spec("ate", -1.0), "gameable", "on the way to progress"),
        (spec("died"), "gameable", "losing earns 1 on the last move"),
    ],
)
def test_refuses(recorded, candidate, layer, says):
    with pytest.raises(CandidateFault, match=says) as fault:
        screen_spec(candidate, FEATURES, recorded)
    assert fault.value.layer == layer


def test_refuses_what_is_too_complex(recorded):
    with pytest.raises(CandidateFault, match="12 nodes, at most 11") as fault:
        screen_spec(spec("where(ate > 0.5, 1, approach - idle * 2 + 1)"), FEATURES, recorded, RewardLimits(nodes=11))
    assert fault.value.layer == "complexity"


def test_without_returns_a_reward_that_is_always_positive_is_refused(recorded):
    limits = RewardLimits(returns=10**6)
    with pytest.raises(CandidateFault, match="living on earns it"):
        screen_spec(spec("0.5 * step + 0.1 * ate"), FEATURES, recorded, limits)
    screen_spec(spec("approach"), FEATURES, recorded, limits)


def test_progress_is_found_in_the_data(recorded):
    assert progress_column(recorded) == FEATURES.index("ate")
    assert progress_column(replace(recorded, utility=np.zeros(64))) is None


def test_circles_pay_for_living_and_nothing_for_a_difference_of_potentials():
    position = np.tile([0, 1, 2, 1], 10)
    features = np.stack([position, np.arange(40)], axis=1).astype(np.float32)
    span = np.zeros(40, np.int64)
    pay, pairs = circling_pay(np.ones(40), features, span)
    assert (pay, pairs) == (1.0, 37)
    pay, pairs = circling_pay(np.diff(position, prepend=0).astype(float), features, span)
    assert (pay, pairs) == (0.0, 37)
    assert circling_pay(np.ones(40), features, np.arange(40)) == (0.0, 0)


def test_the_order_of_episodes_in_the_record_does_not_matter(recorded):
    steps = np.concatenate([np.arange(n) for n in recorded.steps])
    by_time = np.argsort(steps, kind="stable")
    mixed = replace(recorded, features=recorded.features[by_time], episode=recorded.episode[by_time])
    reasons = []
    for record in (recorded, mixed):
        with pytest.raises(CandidateFault) as fault:
            screen_spec(spec("idle"), FEATURES, record)
        reasons.append(fault.value.reason)
    assert reasons[0] == reasons[1]


def test_a_record_that_is_too_small_or_does_not_fit_is_a_broken_invariant(recorded):
    with pytest.raises(ValueError, match="at least 8"):
        screen_spec(spec("ate"), FEATURES, replace(recorded, utility=recorded.utility[:3], steps=recorded.steps[:3]))
    with pytest.raises(ValueError, match="expected"):
        screen_spec(spec("ate"), FEATURES[:-1], recorded)

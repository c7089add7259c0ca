"""The screen of reward specs, on a synthetic record where what is good and what can be gamed are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ouroboros.protocols.errors import CandidateFault
from ouroboros.protocols.records import RewardSpec, RewardTerm
from ouroboros.rewards.screen import Recorded, RewardLimits, screen_spec, stalling_weights

FEATURES = ("step", "ate", "approach", "idle", "turned", "distance")


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """64 episodes: foods drive utility, some players circle for long without eating."""
    rng = np.random.default_rng(0)
    rows, episode, utility, steps = [], [], [], []
    for e in range(64):
        foods, circling = int(rng.integers(0, 10)), int(rng.integers(0, 60))
        chase = 4 * foods + 2
        length = chase + circling
        x = np.zeros((length, len(FEATURES)), np.float32)
        x[:, 0] = 1
        x[4 : 4 * foods + 1 : 4, 1] = 1
        x[:chase, 2] = 1
        x[chase:, 2] = rng.choice([-1, 1], circling)
        x[chase:, 3] = np.linspace(0, 1, circling)
        x[:, 4] = rng.integers(0, 2, length)
        x[:, 5] = rng.random(length)
        rows.append(x)
        episode += [e] * length
        utility.append(foods / 10)
        steps.append(length)
    return Recorded(np.concatenate(rows), np.array(episode), np.array(utility), np.array(steps))


def spec(expr: str, weight: float = 1.0, clip: float = 1.0) -> RewardSpec:
    return RewardSpec(terms=(RewardTerm(name="t", expr=expr, weight=weight, clip=clip),))


@pytest.mark.parametrize(
    ("expr", "weight"), [("ate", 1.0), ("approach", 0.5), ("idle", -0.5), ("step - ate", -0.1), ("approach - idle", 1.0)]
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
        (spec("0.5 * step + 0.1 * ate"), "gameable", "grows with length"),
        (spec("idle"), "gameable", "falls with utility|grows with length"),
        (spec("approach", -1.0), "gameable", r"falls with utility: correlation -0\.\d+ per episode and -0\.\d+ per step"),
        (spec("ate", -1.0), "gameable", "falls with utility"),
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


def test_stalling_weights_part_length_from_utility(recorded):
    utility, length = stalling_weights(recorded.utility * 3, recorded)
    assert utility > 0.8 > 0.2 > abs(length)
    utility, length = stalling_weights(recorded.steps.astype(float), recorded)
    assert length > 0.8 > 0.2 > abs(utility)


def test_a_record_that_is_too_small_or_does_not_fit_is_a_broken_invariant(recorded):
    with pytest.raises(ValueError, match="at least 8"):
        screen_spec(spec("ate"), FEATURES, replace(recorded, utility=recorded.utility[:3], steps=recorded.steps[:3]))
    with pytest.raises(ValueError, match="expected"):
        screen_spec(spec("ate"), FEATURES[:-1], recorded)

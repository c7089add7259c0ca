"""Rewards that speak of what the start policy looks at: a run trains under them, and one without `[salience]` refuses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.perception.salience import FEATURE
from tests.runs.small_run import document, run_micro

SPACE = '{space={gamma_r=0.3,terms=[{name="follow",expr="toward_salient",weight=0.5}]}}'
ROUND = (
    "mode=meta_learn",
    "roles.reward_designer.count=1",
    f"roles.reward_designer.config={SPACE}",
    "roles.code_patcher.count=0",
    "halving.stages=1",
    "grpo.steps=2",
    "budget.rounds=1",
)


@pytest.mark.slow
def test_a_reward_that_follows_the_map_is_trained_under_and_judged(tmp_path: Path) -> None:
    run_micro(tmp_path / "r", *ROUND, "salience.method=gradcam")
    (candidate,) = document(tmp_path / "r")["rounds"][0]["candidates"]
    assert candidate["layer"] in ("gate", "oracle"), candidate


@pytest.mark.slow
def test_without_a_method_the_feature_is_unknown(tmp_path: Path) -> None:
    run_micro(tmp_path / "r", *ROUND)
    (candidate,) = document(tmp_path / "r")["rounds"][0]["candidates"]
    assert (candidate["verdict"], candidate["layer"]) == ("rejected", "schema")
    assert FEATURE in candidate["reason"]

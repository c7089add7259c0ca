"""Candidates of both kinds in a real run: trained, judged as one, and the gain given to whom it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ouroloop.cli.main import call
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from tests.runs.small_run import ROLES, document, micro

BOTH = ("roles.reward_designer.count=0", f"roles.code_patcher.use={ROLES}:TwoPartPatcher", "budget.rounds=1")
FORCEFUL = ("grpo.steps=24", "grpo.learning_rate=7e-4", "grpo.beta=0.005", "grpo.warmup=0", "grpo.truth_every=0")
"""A training that follows its reward, wherever it leads, and that no alarm ends."""


def test_of_a_good_patch_and_a_bad_reward_that_come_together_the_patch_has_the_larger_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ouroloop.rewards.screen as screen

    monkeypatch.setattr(screen, "screen_spec", lambda *_: None)  # which would refuse this reward
    folder = tmp_path / "r"
    lifecycle.create(
        micro(*BOTH, *FORCEFUL, "gate.games=400", "gate.attribution_games=96"),
        folder,
        Quiet(notes=False),
    )
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    (entry,) = document(folder)["rounds"]
    (candidate,) = entry["candidates"]
    assert (candidate["id"], candidate["kind"], candidate["verdict"]) == ("r1-both1", "both", "accepted")
    assert candidate["diff"]
    assert candidate["reward"]["terms"][0]["name"] == "flees_food"
    shares = entry["attribution"]
    assert shares["owner"].split(";")[0] in ("code", "both")
    assert shares["code"] > max(0.0, shares["reward"])
    assert shares["reward"] + shares["code"] == pytest.approx(shares["total"], abs=1e-6)
    assert call(["show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert f"who gets the credit: round 1: {shares['owner'].split(';')[0]}" in shown
    assert "add flees_food +10" in shown
    assert call(["rollback", str(folder), "r1-both1"]) == 0
    assert document(folder)["rounds"][0]["candidates"][0]["verdict"] == "rolled_back"


def test_a_reward_that_comes_with_a_patch_is_screened_too(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    lifecycle.create(micro(*BOTH), folder, Quiet(notes=False))
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    (candidate,) = document(folder)["rounds"][0]["candidates"]
    assert (candidate["verdict"], candidate["layer"]) == ("rejected", "gameable")

"""Designer and patcher talk: a wish becomes a candidate of both kinds, beside the patch alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ouroloop.cli.main import call
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from tests.runs.small_run import ROLES, document, micro
from tests.runs.test_model import SPEC, model, model_server


def wishing(folder: Path) -> tuple[str, ...]:
    """Return overrides for one round that asks designers and patchers, the patcher one that wishes."""
    start = folder / "controller.py"
    start.write_text(SnakeTask().start_controller)
    patcher = f"roles.code_patcher.use={ROLES}:WishingPatcher"
    return patcher, "roles.code_patcher.count=3", "budget.rounds=1", "start.policy=random", f"start.controller={start}"


def test_a_wish_is_granted_once_the_patch_has_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "r"
    with model_server([json.dumps(SPEC)]) as (url, asked):
        recipe = micro(*wishing(tmp_path), *model("reward_designer", url))
        lifecycle.create(recipe, folder, Quiet(notes=False))
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        prompts = [each["messages"][-1]["content"] for each in asked]
        calls = len(asked)
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
        assert len(asked) == calls
    (entry,) = document(folder)["rounds"]
    found = {one["id"]: one for one in entry["candidates"]}
    assert found["r1-patch1"]["layer"] == "ast"
    assert found["r1-patch1"]["wish"]["objective"] == "never granted"
    pair = found["r1-both2"]
    assert (pair["answers"], pair["kind"], pair["role"]) == ("r1-patch2", "both", "chat-designer")
    assert pair["diff"] == found["r1-patch2"]["diff"]
    assert pair["reward"]["terms"][0]["expr"] == "approach"
    assert pair["layer"] in ("oracle", "gate")
    assert "r1-both3" not in found
    wanted = [prompt for prompt in prompts if "A code patcher wants a reward" in prompt]
    assert len(wanted) == 1
    assert "fewer detours" in wanted[0]
    assert "legal_moves" in wanted[0]
    designers = [one for one in entry["asked"] if one["role"] == "chat-designer"]
    assert designers[-1]["answered"] == 1
    assert call(["show", str(folder), "--candidate", "r1-both2"]) == 0
    shown = capsys.readouterr().out
    assert "it grants the wish of the author of r1-patch2" in shown
    assert "A code patcher wants a reward" in shown
    assert call(["show", str(folder), "--candidate", "r1-patch2"]) == 0
    assert "its author wants a reward beside it: fewer detours; no slower eating" in capsys.readouterr().out


def test_with_no_wishes_granted_nobody_is_asked(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    lifecycle.create(micro(*wishing(tmp_path), "talk.wishes=0", "roles.reward_designer.count=1"), folder, Quiet(notes=False))
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    assert all(one["kind"] != "both" for one in document(folder)["rounds"][0]["candidates"])


def test_a_reward_goes_to_the_wish_that_it_answers(tmp_path: Path) -> None:
    """Of two wishes the first gets no reward: the second's must not take its place."""
    folder = tmp_path / "r"
    designer = f"roles.reward_designer.use={ROLES}:HalfDeafDesigner"
    lifecycle.create(micro(*wishing(tmp_path), "talk.wishes=2", designer), folder, Quiet(notes=False))
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    (entry,) = document(folder)["rounds"]
    pairs = {one["id"]: one for one in entry["candidates"] if one["kind"] == "both"}
    assert {id: one["answers"] for id, one in pairs.items()} == {"r1-both3": "r1-patch3"}
    patches = {one["id"]: one["diff"] for one in entry["candidates"]}
    assert pairs["r1-both3"]["diff"] == patches["r1-patch3"] != patches["r1-patch2"]


def test_designers_are_asked_for_wishes_in_turn(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    designers = 'roles.reward_designer=[{use="search-designer", count=1}, {count=0}, {use="search-designer", count=1}]'
    lifecycle.create(micro(*wishing(tmp_path), "talk.wishes=2", designers), folder, Quiet(notes=False))
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    (entry,) = document(folder)["rounds"]
    by = {one["id"]: one["proposer"] for one in entry["candidates"] if one["kind"] == "both"}
    assert by == {"r1-both2": "reward", "r1-both3": "reward.3"}


def test_a_patch_that_came_in_with_its_pair_does_not_race_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It equals the incumbent then, so its race would spend error budget on nothing."""
    from ouroloop.runs.phases import gate as phase

    real = phase.race

    def pairs_win(play: Any, levels: dict[str, float], *more: Any) -> Any:
        found = real(play, levels, *more)
        return {id: replace(one, accepted=True) if "both" in id else one for id, one in found.items()}

    monkeypatch.setattr(phase, "race", pairs_win)
    folder = tmp_path / "r"
    with model_server([json.dumps(SPEC)]) as (url, _):
        lifecycle.create(micro(*wishing(tmp_path), *model("reward_designer", url)), folder, Quiet(notes=False))
        assert lifecycle.work(folder, Quiet(notes=False)) == "done"
    found = {one["id"]: one for one in document(folder)["rounds"][0]["candidates"]}
    assert found["r1-both2"]["verdict"] == "accepted"
    assert (found["r1-patch2"]["layer"], found["r1-patch2"]["effect"]) == ("gate", None)
    assert "accepted in this round already" in found["r1-patch2"]["reason"]
    assert found["r1-patch3"]["effect"] is not None
    assert lifecycle.work(folder, Quiet(notes=False)) == "done"

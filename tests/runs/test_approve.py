"""The user's part in a run: answers about what won its race, and proposals of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ouroloop.cli.main import call
from ouroloop.inspect.outline import Outline
from ouroloop.inspect.run import Report
from ouroloop.runs.lifecycle import work
from ouroloop.runs.progress import Quiet
from tests.runs.scripted_roles import SAFE
from tests.runs.small_run import document, run_waiting

WON = "r1-patch1"


def candidate(folder: Path, id: str) -> dict[str, Any]:
    found = [one for entry in document(folder)["rounds"] for one in entry["candidates"] if one["id"] == id]
    assert len(found) == 1
    return found[0]


def outline(folder: Path) -> Outline:
    report, found = Report(folder), Outline(folder)
    try:
        found.update(report.ledger)
    finally:
        report.close()
    return found


@pytest.fixture
def run(waiting: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(waiting, tmp_path / "run", symlinks=True))


def test_the_winner_waits_with_its_evidence_and_its_rivals_do_not(run: Path) -> None:
    found = document(run)
    assert found["status"] == "stopped"
    assert found["waiting"] == [WON]
    shown = candidate(run, WON)
    assert (shown["verdict"], shown["layer"], shown["approval"]) == ("pending", "approval", {"approved": None, "reason": ""})
    assert shown["e_value"] * shown["alpha"] >= 1
    assert shown["effect"]["utility"] > 0
    assert found["rounds"][0]["incumbent"] is None
    entry = outline(run).candidates[WON]
    assert (entry.decision, entry.layer, entry.accepted, entry.e_value) == ("pending", "approval", False, shown["e_value"])
    assert work(run, Quiet(notes=False)) == "stopped"  # resuming does not answer
    assert document(run)["digest"] == found["digest"]


def test_a_yes_gives_the_run_that_nobody_was_asked_about(run: Path, tmp_path: Path) -> None:
    assert call(["approve", str(run), WON, "--reason", "read it"]) == 0
    assert document(run)["waiting"] == outline(run).waiting == []
    assert work(run, Quiet(notes=False)) == "done"
    shown, other = candidate(run, WON), run_waiting(tmp_path / "other")
    assert (shown["verdict"], shown["layer"]) == ("accepted", "gate")
    assert shown["approval"] == {"approved": True, "reason": "read it"}
    unasked = candidate(other, WON)
    assert unasked["approval"] is None
    assert {**shown, "approval": None} == unasked
    assert document(run)["incumbent"] == document(other)["incumbent"]


def test_a_no_is_a_rejection_that_says_who_and_keeps_its_level_spent(run: Path) -> None:
    assert call(["approve", str(run), WON, "--no", "--reason", "too long to review"]) == 0
    assert work(run, Quiet(notes=False)) == "done"
    shown, found = candidate(run, WON), document(run)
    assert (shown["verdict"], shown["layer"]) == ("rejected", "approval")
    assert shown["reason"] == "declined: too long to review"
    assert shown["effect"]["utility"] > 0
    assert found["incumbent"]["controller"] == found["start"]["controller"]
    assert (found["gate"]["races"], found["gate"]["accepted"]) == (1, 0)
    assert outline(run).candidates[WON].layer == "approval"


def test_an_edit_declines_and_races_in_the_next_round(run: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text(SAFE.replace("1.0", "0.9"), encoding="utf-8")
    assert call(["approve", str(run), WON, "--instead", str(edited), "--reason", "tighter"]) == 0
    assert [one["rationale"] for one in document(run)["offered"]] == ["r1-patch1, edited: tighter"]
    assert len(outline(run).offered) == 1
    assert work(run, Quiet(notes=False), ("budget.rounds=2", "approve=none")) == "done"
    found = document(run)
    assert found["offered"] == outline(run).offered == []
    ids = {one["id"]: one for one in found["rounds"][1]["candidates"]}
    mine = ids["r2-patch1"]
    assert (mine["role"], mine["proposer"], mine["verdict"]) == ("user", "patch.hand", "accepted")
    assert [one.id for one in outline(run).of_round(2)] == list(ids)


def test_what_was_rolled_back_comes_back_by_another_race(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["approve", str(run), WON]) == 0
    assert work(run, Quiet(notes=False)) == "done"
    assert call(["propose", str(run), "--again", WON]) == 2  # it plays already
    assert "plays already" in capsys.readouterr().err
    assert call(["rollback", str(run), WON, "--reason", "a mistake"]) == 0
    assert f"--again {WON}" in capsys.readouterr().out
    assert call(["propose", str(run), "--again", WON, "--why", "it was none"]) == 0
    assert "budget.rounds=MORE" in capsys.readouterr().out
    assert work(run, Quiet(notes=False), ("budget.rounds=2", "approve=none")) == "done"
    back = candidate(run, "r2-patch1")
    assert back["rationale"] == f"{WON} again: it was none"
    assert (back["role"], back["verdict"]) == ("user", "accepted")
    assert document(run)["incumbent"]["controller"] == candidate(run, WON)["made"]["controller"]


def test_wrong_answers_are_refused_in_a_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["approve", str(run), "r1-patch9"], "r1-patch9 does not wait for an answer; waiting: r1-patch1"),
        (["approve", str(run), "--no"], "say about which candidate: r1-patch1"),
        (["approve", str(run), WON, "--no", "--instead", "x"], "leave --no out"),
        (["approve", str(run.parent), WON], "not a run directory"),
        (["propose", str(run)], "nothing to propose"),
        (["propose", str(run), "--again", "r7-patch1"], "no candidate r7-patch1"),
        (["propose", str(run), "--again", WON, "--patch", "x"], "leave --patch and --reward out"),
        (["propose", str(run), "--patch", "missing.py"], "cannot be read"),
    ):
        assert call(words) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert said in lines[0]
    assert document(run)["waiting"] == [WON]
    assert call(["approve", str(run)]) == 0  # shows it, since nobody can answer here
    shown = capsys.readouterr().out
    assert WON in shown
    assert "+++" in shown
    assert "--no --reason WHY" in shown
    assert call(["approve", str(run), WON]) == 0
    assert call(["approve", str(run), WON]) == 2  # once is enough

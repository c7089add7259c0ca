"""`RunReport`: the frames say what `show --json` says, and what cannot be answered is said."""

from __future__ import annotations

import builtins
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ouroloop.face import make, run
from ouroloop.inspect.report import RunReport, open_run
from ouroloop.inspect.run import Report
from ouroloop.ledger.steps import gate
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.runs.lifecycle import create
from ouroloop.runs.progress import Quiet
from tests.runs.small_run import micro


@pytest.fixture
def document(finished: Path) -> dict[str, Any]:
    with closing(Report(finished)) as report:
        return report.document()


def test_a_report_begins_with_what_the_document_says(finished: Path, document: dict[str, Any]) -> None:
    report = open_run(str(finished))
    assert (report.path, report.name, report.status, report.seed) == (finished, "micro-000", "done", 3)
    assert report.digest == document["digest"]
    assert repr(report).startswith("RunReport(micro-000: done, rounds 2, accepted ")


def test_the_candidates_are_those_of_the_document(finished: Path, document: dict[str, Any]) -> None:
    frame, known = open_run(finished).candidates, [c for r in document["rounds"] for c in r["candidates"]]
    assert len(known) > 2
    for name in ("id", "kind", "role", "verdict", "layer", "reason"):
        assert frame[name].tolist() == [c[name] for c in known]
    assert frame["round"].tolist() == [r["index"] for r in document["rounds"] for _ in r["candidates"]]
    raced = [c["effect"] for c in known if c["effect"]]
    tested = frame.dropna(subset="games")
    assert raced
    assert list(zip(tested["effect"], tested["low"], tested["high"], tested["games"], strict=True)) == [
        (e["utility"], e["low"], e["high"], e["games"]) for e in raced
    ]


def test_the_rounds_count_their_verdicts(finished: Path, document: dict[str, Any]) -> None:
    frame = open_run(finished).rounds
    assert frame["mode"].tolist() == [r["mode"] for r in document["rounds"]]
    assert (frame["accepted"] + frame["rejected"]).tolist() == frame["candidates"].tolist()
    assert frame["candidates"].sum() == len(open_run(finished).candidates)


def test_the_history_begins_at_the_start_and_ends_with_the_incumbent(finished: Path, document: dict[str, Any]) -> None:
    report = open_run(finished)
    frame = report.history
    played = [document["start"], *(r["incumbent"] for r in document["rounds"])]
    assert frame["round"].isna().tolist() == [True, False, False]
    assert frame["score"].tolist() == [p["score"]["mean"] for p in played]
    assert frame["best"].tolist() == np.maximum.accumulate(frame["score"]).tolist()
    assert report.incumbent["controller"] == played[-1]["controller"]
    with closing(Report(finished)) as raw:
        assert report.controller() == raw.store.text(played[-1]["controller"])


def test_verdicts_and_diffs_of_a_candidate(finished: Path) -> None:
    report = open_run(finished)
    for found in report.candidates.itertuples():
        verdict = report.verdict(found.id)
        assert (verdict.layer, verdict.reason, verdict.effect is None) == (found.layer, found.reason, np.isnan(found.effect))
        with closing(Report(finished)) as raw:
            assert verdict == gate.verdict(found.round, found.id).read(raw.ledger)  # regret, seeds, t-test, bound: all of it
    patch = next(c.id for c in report.candidates.itertuples() if c.kind == "patch" and c.games > 0)
    assert report.diff("start", patch).startswith(f"--- start\n+++ {patch}\n")
    assert report.diff(patch, patch) == ""
    for ask in (report.verdict, lambda id: report.diff("start", id)):
        with pytest.raises(UsageError, match="has no candidate 'r9-patch1'; it has r1-"):
            ask("r9-patch1")


def test_the_policy_that_plays_rates_every_action(finished: Path) -> None:
    observations = make("snake", size=6).engine(np.arange(5, dtype=np.uint64)).observations()
    assert open_run(finished).policy().logits(observations).shape == (5, 4)


def test_a_run_that_has_not_begun_has_typed_tables_without_rows(tmp_path: Path, finished: Path) -> None:
    create(micro(), tmp_path / "new", Quiet(notes=False))
    report, full = open_run(tmp_path / "new"), open_run(finished)
    assert repr(report) == "RunReport(new: stopped, rounds 0, accepted 0 of 0 candidates)"
    for name in ("rounds", "candidates", "history"):
        empty = getattr(report, name)
        assert len(empty) == 0
        assert empty.columns.tolist() == getattr(full, name).columns.tolist()
    with pytest.raises(UsageError, match="no start yet"):
        _ = report.incumbent


def test_a_directory_of_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    create(micro(), tmp_path / "run", Quiet(notes=False))
    with pytest.raises(UsageError, match=r"another recipe \(they differ in seed, task\)"):
        run(micro("seed=4"), tmp_path / "run", task={"walls": 0.1})


def test_a_candidate_without_a_verdict_is_said_to_be_pending(document: dict[str, Any], tmp_path: Path) -> None:
    document["rounds"][0]["candidates"][0]["verdict"] = "pending"
    with pytest.raises(UsageError, match="has no verdict yet"):
        RunReport(tmp_path, document).verdict(document["rounds"][0]["candidates"][0]["id"])


def test_no_run_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=str(tmp_path)):
        open_run(tmp_path)


def test_without_pandas_the_remedy_is_named(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report, real = open_run(finished), builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SurroundingsError, match="pip install pandas"):
        _ = report.rounds

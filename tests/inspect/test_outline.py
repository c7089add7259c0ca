"""The outline of a run says what its document says, and reads only what is new."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ouroloop.inspect.outline import Outline
from ouroloop.ledger.sqlite import Ledger
from ouroloop.protocols.errors import LedgerError
from tests.runs.small_run import before_second_round, document, goes_on

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> Outline:
    outline = Outline(folder)
    with closing(Ledger(folder / "ledger.sqlite", "read")) as ledger:
        assert outline.update(ledger)
        assert not outline.update(ledger)
    return outline


def told(outline: Outline) -> dict[str, Any]:
    """Return an outline's facts in a form that can be compared."""
    return {
        "rounds": {index: (one.mode, one.why, one.candidates, one.lost, one.measures) for index, one in outline.rounds.items()},
        "candidates": outline.candidates,
        "turns": outline.turns,
        "now": outline.now,
        "games": outline.games,
    }


def test_it_agrees_with_the_document(finished: Path) -> None:
    outline, whole = read(finished), document(finished)
    assert list(outline.rounds) == [entry["index"] for entry in whole["rounds"]]
    for entry in whole["rounds"]:
        mine = outline.rounds[entry["index"]]
        assert (mine.mode, mine.why) == (entry["mode"], entry["why"])
        assert mine.candidates == [one["id"] for one in entry["candidates"]]
        for one in entry["candidates"]:
            found = outline.candidates[one["id"]]
            assert (found.decision, found.layer, found.reason) == (one["verdict"], one["layer"], one["reason"])
            assert (found.effect is None) == (one["effect"] is None)
            assert (found.e_value, found.alpha) == (one["e_value"], one["alpha"])
        assert mine.measures is not None
        assert mine.measures.score.mean == entry["incumbent"]["score"]["mean"]
    assert outline.games == whole["totals"]["games"]
    assert round(outline.wall_s, 3) == whole["totals"]["wall_s"] > 0
    assert (outline.tokens, outline.cost_usd) == (whole["totals"]["tokens"], whole["totals"]["cost_usd"])
    now = outline.measures_now()
    assert now is not None
    assert now.score.mean == whole["incumbent"]["score"]["mean"]


def test_read_in_steps_it_becomes_the_same(finished: Path, tmp_path: Path) -> None:
    """A run that goes on is read further; here its steps come one after the other."""
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        steps = db.execute("SELECT * FROM steps ORDER BY seq").fetchall()
        db.execute("DELETE FROM steps")
        db.commit()
    outline = Outline(copy)
    for start in range(0, len(steps), 7):
        with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
            db.executemany("INSERT INTO steps VALUES (?,?,?,?,?,?,?)", steps[start : start + 7])
            db.commit()
        with closing(Ledger(copy / "ledger.sqlite", "read")) as ledger:
            outline.update(ledger)
    assert told(outline) == told(read(finished))


def test_what_comes_before_damage_is_kept(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        db.execute("UPDATE steps SET result = '{\"outcome\": 7}' WHERE key GLOB '2/verdict/*'")
        db.commit()
    outline = Outline(copy)
    with closing(Ledger(copy / "ledger.sqlite", "read")) as ledger, pytest.raises(LedgerError, match="step 2/verdict/"):
        outline.update(ledger)
    assert outline.rounds[1].candidates
    assert all(outline.candidates[id].decision != "pending" for id in outline.rounds[1].candidates)


def test_what_is_recorded_while_it_reads_is_counted_once(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer gets in between finding the last step and reading the steps."""
    copy = tmp_path / "run"
    later = before_second_round(finished, copy)
    outline, last = Outline(copy), Ledger.last

    def late(ledger: Ledger) -> int:
        found = last(ledger)
        goes_on(writer, [later.pop(0) for _ in range(min(5, len(later)))])
        return found

    monkeypatch.setattr(Ledger, "last", late)
    with closing(Ledger(copy / "ledger.sqlite")) as writer:
        while outline.update(writer):
            pass
    monkeypatch.undo()
    assert told(outline) == told(read(finished))

"""A run that goes on is read further, and reading leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from ouroloop.inspect.page.reading import KEPT, Reading
from ouroloop.ledger.lock import locked
from ouroloop.ledger.sqlite import Ledger
from tests.runs.small_run import before_second_round, goes_on

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_steps_that_come_while_a_run_works_are_seen(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    later, reading = before_second_round(finished, copy), Reading()
    with locked(copy), closing(Ledger(copy / "ledger.sqlite")) as writer:
        with reading.open(copy) as opened:
            assert list(opened.outline.rounds) == [1]
        goes_on(writer, later)
        with reading.open(copy) as opened:
            assert list(opened.outline.rounds) == [1, 2]
            assert opened.report.candidate("r2-patch1")["round"] == 2
    with reading.open(copy) as opened:
        assert list(opened.outline.rounds) == [1, 2]
    reading.close()
    assert (copy / "ledger.sqlite-wal").stat().st_size == 0 if (copy / "ledger.sqlite-wal").exists() else True


def test_what_was_read_stays_when_a_run_begins_and_ends_to_work(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    reading = Reading()
    with reading.open(copy) as opened:
        first = opened.outline
    with locked(copy), closing(Ledger(copy / "ledger.sqlite")), reading.open(copy) as opened:
        assert opened.outline is first
    with reading.open(copy) as opened:
        assert opened.outline is first
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        db.execute("UPDATE steps SET params = '[1]' WHERE seq = (SELECT MAX(seq) FROM steps)")
        db.commit()
    with locked(copy), closing(Ledger(copy / "ledger.sqlite")), reading.open(copy) as opened:
        assert opened.outline is not first  # somebody has changed the record
    reading.close()


def test_reading_a_run_that_rests_leaves_no_file(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    before = files(copy)
    reading = Reading()
    with reading.open(copy) as opened:
        assert opened.outline.candidates
    reading.close()
    assert files(copy) == before


def test_another_run_in_the_same_place_is_read_anew(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    reading = Reading()
    with reading.open(copy) as opened:
        assert len(opened.outline.rounds) == 2
    shutil.rmtree(copy)
    before_second_round(finished, copy)
    with reading.open(copy) as opened:
        assert list(opened.outline.rounds) == [1]
    reading.close()


def test_only_some_runs_stay_open(finished: Path, tmp_path: Path) -> None:
    reading = Reading()
    for number in range(KEPT + 3):
        copy = tmp_path / f"run-{number}"
        copy.mkdir()
        for name in ("ledger.sqlite", "recipe.toml"):
            os.link(finished / name, copy / name)
        with reading.open(copy) as opened:
            assert opened.outline.candidates
    assert len(reading._slots) <= KEPT + 1
    reading.close()

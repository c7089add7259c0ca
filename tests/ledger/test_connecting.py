"""Opening and reading a ledger: deadlines count SQLite's own time, and a reader and a run that begins do no harm."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from ouroloop.ledger import connecting, lock
from ouroloop.ledger.faults import DiskFull, of_sqlite
from ouroloop.ledger.lock import at_rest, is_running, locked
from ouroloop.ledger.parts import LOCK
from ouroloop.ledger.sqlite import Ledger
from ouroloop.protocols.errors import LedgerError, SurroundingsError

ROWS = 40_000
"""Enough for a query after which SQLite looks at the clock."""
LIMIT_S = 4.0
FILL = f"""
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {ROWS})
INSERT INTO steps (key, method, params, result, at) SELECT 'k' || x, 'm', '1', '1', 7.0 FROM n;
INSERT INTO events (at, name, body) VALUES (5.0, 'run.opened', '{{}}');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of many steps, that nobody writes."""
    Ledger(tmp_path / "ledger.sqlite", "create").close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.executescript(FILL)
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def killed(tmp_path: Path, path: Path) -> Path:
    """A ledger as a killed process leaves it, with its newest state in the log beside it."""
    folder = tmp_path / "killed"
    folder.mkdir()
    with closing(Ledger(path)) as ledger:
        ledger.set_meta("status", "failed")
        for name in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.with_name(name), folder / name)
    (folder / LOCK).touch()
    return folder / path.name


@pytest.mark.parametrize("mode", ["create", "write", "read"])
def test_a_ledger_may_stay_open_for_longer_than_opening_it_may_take(
    mode: connecting.Mode, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "DEADLINE_S", LIMIT_S)
    with closing(Ledger(path, mode)) as ledger:
        time.sleep(LIMIT_S)
        assert ledger.wall_s() == 2.0


def test_the_time_that_a_reader_takes_between_steps_does_not_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "DEADLINE_S", LIMIT_S)
    with closing(Ledger(path, "read")) as ledger:
        steps = ledger.steps()
        next(steps)
        time.sleep(LIMIT_S)
        assert sum(1 for _ in steps) == ROWS - 1


def test_a_query_that_takes_too_long_is_ended_and_not_called_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Ledger(path, "read")) as ledger:
        monkeypatch.setattr(connecting, "DEADLINE_S", -1.0)
        with pytest.raises(LedgerError, match="takes too long to read: try again") as said:
            ledger.wall_s()
    assert "damaged" not in str(said.value)


def test_a_reader_sees_what_a_run_writes_that_had_written_nothing_yet(path: Path) -> None:
    with locked(path.parent), closing(Ledger(path, "read")) as reader, closing(Ledger(path)) as writer:
        writer.set_meta("status", "running")
        assert reader.meta("status") == "running"


def test_no_run_begins_while_its_ledger_is_copied(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []

    def copyfile(source: Path, target: Path, **options: bool) -> object:
        with pytest.raises(LedgerError, match="in use by another process"), locked(killed.parent):
            pass
        copied.append(source.name)
        return copy(source, target, **options)

    copy = shutil.copyfile
    monkeypatch.setattr(lock, "PATIENCE_S", 0.0)
    monkeypatch.setattr(shutil, "copyfile", copyfile)
    with closing(Ledger(killed, "read")) as reader:
        assert reader.meta("status") == "failed"
        with locked(killed.parent):
            pass
    assert copied == ["ledger.sqlite", "ledger.sqlite-wal"]


@pytest.fixture
def gone(killed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger whose log goes as soon as it was looked at."""
    seen = connecting._has_log
    monkeypatch.setattr(connecting, "_has_log", lambda path: seen(path) and not path.with_name(f"{path.name}-wal").unlink())
    return killed


def test_a_ledger_whose_files_go_while_they_are_copied_is_told_in_one_line(gone: Path) -> None:
    with pytest.raises(SurroundingsError, match=r"cannot be copied to be read .No such file or directory.: try again"):
        Ledger(gone, "read")


def test_a_lock_that_is_looked_at_is_held_and_given_back(tmp_path: Path) -> None:
    with at_rest(tmp_path) as resting:
        assert resting
    with locked(tmp_path), at_rest(tmp_path) as resting:
        assert not resting
    assert not is_running(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("SQLITE_FULL", DiskFull, "no room left on the disk of a b: free some, then `ouroloop resume 'a b'`"),
        ("SQLITE_IOERR_SHMSIZE", DiskFull, "no room left"),
        ("SQLITE_IOERR_WRITE", SurroundingsError, r"cannot be written .disk I/O error.: check its disk"),
        ("SQLITE_IOERR_FSYNC", SurroundingsError, r"cannot be written .disk I/O error.: check its disk"),
        ("SQLITE_IOERR_READ", LedgerError, "is damaged .disk I/O error."),
    ],
)
def test_an_error_of_the_disk_is_told_as_what_it_is(name: str, kind: type[Exception], says: str) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name  # type: ignore[misc]
    said = of_sqlite(Path("a b/ledger.sqlite"), error)
    assert isinstance(said, kind)
    assert isinstance(said, DiskFull) == (kind is DiskFull)
    assert re.search(says, str(said))

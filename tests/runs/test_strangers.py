"""Run directories from strangers: no command runs their code, changes anything outside them, hangs, or fails without a word."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ouroloop.cli.main import call
from tests.runs.small_run import document
from tests.runs.tampering import FINE, TABLE, Bait, bystander

SECONDS = 120
"""Far more than any command needs on a busy machine; one that hangs reaches it."""


@contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"no end after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tree(folder: Path) -> dict[str, str]:
    """Return what a directory holds: the kind of every path, and the content of every file."""
    found = {}
    for where, folders, files in os.walk(folder):
        for path in (Path(where, name) for name in (*folders, *files)):
            state = path.lstat()
            plain = path.is_file() and not path.is_symlink() and state.st_size < 1 << 28
            found[str(path)] = f"{state.st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest() if plain else state.st_size}"
    return found


class Session:
    """Calls commands, and keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        with in_time():
            code = call([str(word) for word in words])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    def expect(self, said: str, *words: object) -> None:
        """Call a command that must work (`FINE`), or say one line that holds a text."""
        code, out, err = self(*words)
        if said == FINE:
            assert code == 0, err
            return
        assert code == 2, (out, err)
        errors = [line for line in err.splitlines() if "error: " in line]
        assert len(errors) == 1, err
        assert said in errors[0]


@pytest.fixture
def session(capsys: pytest.CaptureFixture[str]) -> Session:
    return Session(capsys)


@pytest.fixture
def bait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bait:
    (tmp_path / "code").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Bait(tmp_path / "code" / "canary", bystander(tmp_path / "bystander"))


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, beside another one that nobody tampers with."""
    for name in ("good", "odd"):
        shutil.copytree(finished, tmp_path / "runs" / name)
    return tmp_path / "runs" / "odd"


def accepted(finished: Path) -> str:
    return next(c["id"] for r in document(finished)["rounds"] for c in r["candidates"] if c["verdict"] == "accepted")


@pytest.mark.parametrize("name", TABLE)
def test_a_tampered_run_directory_does_nothing_and_is_told_in_one_line(
    name: str, copy: Path, bait: Bait, session: Session, finished: Path
) -> None:
    candidate = accepted(finished)
    tamper, shown, resumed = TABLE[name]
    tamper(copy, bait)
    outside, inside = tree(bait.bystander), tree(copy)
    code, out, _ = session("list", copy.parent, "--json")
    rows = {row["run"]: row for row in json.loads(out)}
    assert (code, rows["good"]["status"], rows["good"]["fault"]) == (0, "done", None)
    assert shown in (rows["odd"]["fault"] or FINE) or "artifact" in name or "text" in name or "start" in name
    session.expect(shown, "show", copy)
    compared, _, _ = session("diff", copy, "start", candidate)
    assert compared in (0, 2)
    assert tree(copy) == inside
    session.expect(resumed, "resume", copy)
    rolled_back, _, _ = session("rollback", copy, candidate)
    assert rolled_back in (0, 2)
    if resumed != FINE and shown in (FINE, resumed):
        assert rolled_back == 2 or "checkpoint" in name
    assert not bait.canary.exists()
    assert tree(bait.bystander) == outside

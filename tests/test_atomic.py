"""Whatever ends a writer, what it wrote is there whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ouroloop.atomic import whole_directory, whole_file

KILLED = """
import os, signal, sys
from pathlib import Path
from ouroloop import atomic
from ouroloop.atomic import whole_directory, whole_file

kind, where, moment = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if moment == "flush":
    atomic._flush = die
with (whole_file if kind == "file" else whole_directory)(where) as half:
    (half if kind == "file" else half / "a").write_text("new" * 10_000)
    if moment == "write":
        die()
"""


@pytest.mark.parametrize("moment", ["write", "flush"])
@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.parametrize("before", [True, False])
def test_a_killed_writer_leaves_the_old_or_nothing(kind: str, moment: str, before: bool, tmp_path: Path) -> None:
    where = tmp_path / "deep" / "place"
    kept = where if kind == "file" else where / "a"
    if before:
        kept.parent.mkdir(parents=True)
        kept.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, kind, str(where), moment], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (kept.read_text() if before else where.exists()) == ("old" if before else False)
    assert [p.name[:6] for p in where.parent.iterdir() if p != where] == [".work-"]


def test_what_is_finished_takes_the_place_of_the_old(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with whole_file(tmp_path / "f") as half:
            half.write_text(text)
        with whole_directory(tmp_path / "d") as half:
            (half / text).write_text(text)
        assert (tmp_path / "f").read_text() == text
        assert [p.name for p in (tmp_path / "d").iterdir()] == [text]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "f"]


def test_an_error_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    for whole in (whole_file(tmp_path / "f"), whole_directory(tmp_path / "d")):
        half = whole.__enter__()
        (half / "a" if half.is_dir() else half).write_text("new")
        assert whole.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None) is not True
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "old"


def test_a_place_that_is_taken_can_be_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").write_text("")
    with pytest.raises(OSError, match="not empty"), whole_directory(tmp_path / "d", replace=False):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert (tmp_path / "d" / "mine").exists()

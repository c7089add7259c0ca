"""Packs a finished run as the one that `ouroloop demo` shows.

`python -m ouroloop.inspect.demo.packing RUN ouroloop/inspect/demo/run.zip` makes the one that ships. The record goes whole. Of
the policies only those go along that played as an incumbent, without the first, which ships with the package anyway.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from ouroloop.inspect.outline import Outline
from ouroloop.ledger.parts import LEDGER, RECIPE
from ouroloop.ledger.sqlite import Ledger
from ouroloop.protocols.errors import UsageError

MOST_BYTES: Final = 1_000_000
MOMENT: Final = (2026, 1, 1, 0, 0, 0)
"""The time that all parts bear, so that the same run gives the same file."""


def pack(folder: Path, out: Path) -> int:
    """Write a run as a zip file; return its bytes.

    Raises:
        UsageError: it would be too large to ship.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, data in _parts(folder):
            packed.writestr(zipfile.ZipInfo(name, MOMENT), data, zipfile.ZIP_DEFLATED, 9)
    size = out.stat().st_size
    if size > MOST_BYTES:
        raise UsageError(f"{out} has {size} bytes, at most {MOST_BYTES} ship with the package: take a smaller run")
    return size


def _parts(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield RECIPE, (folder / RECIPE).read_bytes()
    yield LEDGER, _whole_ledger(folder / LEDGER)
    kept = _policies(folder)
    for path in sorted((folder / "artifacts").iterdir()):
        if path.is_file():
            yield f"artifacts/{path.name}", path.read_bytes()
        elif path.name in kept:
            yield from ((f"artifacts/{path.name}/{file.name}", file.read_bytes()) for file in sorted(path.iterdir()))


def _whole_ledger(path: Path) -> bytes:
    """Return a ledger's file with its log in it, without LangGraph's checkpoints, and as small as SQLite makes it."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / LEDGER
        with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(copy)) as target:
            db.backup(target)
            target.executescript("DELETE FROM checkpoints; DELETE FROM writes; PRAGMA journal_mode=DELETE; VACUUM;")
        return copy.read_bytes()


def _policies(folder: Path) -> set[str]:
    """Return the policies that played as an incumbent, but for the first."""
    outline = Outline(folder)
    with closing(Ledger(folder / LEDGER, "read")) as ledger:
        outline.update(ledger)
    played = [turn.build.policy for turn in outline.turns]
    return set(played) - set(played[:1])


if __name__ == "__main__":
    print(f"{pack(Path(sys.argv[1]), Path(sys.argv[2])):,} bytes")  # noqa: T201  (the line is the purpose)

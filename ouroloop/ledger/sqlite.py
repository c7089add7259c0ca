"""The ledger: one SQLite file that records every step of a run once.

A *step* is a JSON-RPC call under a key such as `2/gate/c5`: its method, params and result (or error). `once` runs a step
the first time and returns the recorded result ever after. A process that is killed at any moment and started again
therefore repeats at most the step that it died in. Asking for a known key with another method or other params is an
error; it does not return the old answer. The digest is the hash of all steps, without times.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ouroloop.protocols.canonical import Json, JsonObject, canonical, content_hash, sha256
from ouroloop.protocols.errors import LedgerError, SurroundingsError

SCHEMA_VERSION = "4"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, method TEXT NOT NULL, params TEXT NOT NULL,
    result TEXT, error TEXT, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS steps_by_method ON steps (method);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded call; exactly one of `result` and `error` is set."""

    key: str
    method: str
    params: Json
    result: Any
    error: JsonObject | None


class Ledger:
    """The open ledger of one run; only one process at a time may write to it."""

    def __init__(self, path: Path, mode: Literal["create", "write", "read"] = "write") -> None:
        """Open (or create) the file.

        Raises:
            LedgerError: the file is missing or damaged, or another version wrote it.
        """
        self.path = path
        if mode != "create" and not path.is_file():
            raise LedgerError(
                f"{path.parent} is not a run directory: it holds no ledger.sqlite; `ouroloop list` shows the runs"
            )
        try:
            where = f"{path.absolute().as_uri()}?mode={'ro' if mode == 'read' else 'rwc'}"
            self._db = sqlite3.connect(where, uri=True, timeout=10, isolation_level=None, check_same_thread=False)
            if mode != "read":
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
            if mode == "create":
                self._db.executescript(SCHEMA)
                self.set_meta("schema", SCHEMA_VERSION)
            self._verify()
        except sqlite3.DatabaseError as error:
            if is_full(error):
                raise disk_full(path) from error
            raise damaged(path, error) from error

    def _verify(self) -> None:
        problem = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise damaged(self.path, problem)
        version = self.meta("schema")
        if version != SCHEMA_VERSION:
            raise LedgerError(
                f"{self.path} has version {version}, but this program reads {SCHEMA_VERSION}; use the program that wrote it"
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self, key: str) -> str | None:
        """Return a value of the run's header, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of the run's header."""
        self._write("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    def step(self, key: str) -> Step | None:
        """Return the step recorded under that key, or None."""
        row = self._db.execute("SELECT key, method, params, result, error FROM steps WHERE key = ?", (key,)).fetchone()
        return _step(row) if row else None

    def steps(self, pattern: str = "*", methods: Sequence[str] = ()) -> Iterator[Step]:
        """Yield recorded steps in the order they were recorded.

        Args:
            pattern: pattern of their keys, with `*` for anything.
            methods: only steps with these methods; all by default.
        """
        chosen = f"AND method IN ({', '.join('?' * len(methods))})" if methods else ""
        sql = f"SELECT key, method, params, result, error FROM steps WHERE key GLOB ? {chosen} ORDER BY seq"  # noqa: S608
        return (_step(row) for row in self._db.execute(sql, (pattern, *methods)))

    def recall(self, key: str, method: str, params: Json) -> Step | None:
        """Return the step recorded under that key, or None.

        Raises:
            LedgerError: it was recorded with another method or other params.
        """
        known = self.step(key)
        if known is not None and known.method != method:
            raise other_step(self.path, key, f"method {known.method}", f"method {method}")
        if known is not None and (recorded := _dump(known.params)) != (asked := _dump(params)):
            raise other_step(self.path, key, f"params {recorded}", f"params {asked}")
        return known

    def record(self, key: str, method: str, params: Json, result: Json, error: JsonObject | None = None) -> None:
        """Record a finished step, once; recording the same step again changes nothing.

        Raises:
            LedgerError: the key is recorded with another method, other params, or another result or error.
        """
        texts = (_dump(params), None if error else _dump(result), _dump(error) if error else None)
        self._write(
            "INSERT INTO steps (key, method, params, result, error, at) VALUES (?,?,?,?,?,?) ON CONFLICT (key) DO NOTHING",
            (key, method, *texts, time.time()),
        )
        known = self.recall(key, method, params)
        assert known is not None
        if (known.error, known.result) != (error, None if error else json.loads(texts[1] or "null")):
            recorded, given = (_dump(value) for value in (known.error or known.result, error or result))
            raise other_step(self.path, key, f"result {recorded}", f"result {given}")

    def once(self, key: str, method: str, params: Json, work: Callable[[], Json]) -> Json:
        """Return the recorded result of a step, or do the work and record its result (a JSON value).

        Raises:
            LedgerError: the key is recorded with another method or other params.
        """
        known = self.recall(key, method, params)
        if known is None:
            self.record(key, method, params, work())
            known = self.step(key)
        assert known is not None
        result: Json = known.result
        return result

    def event(self, name: str, body: Mapping[str, Json]) -> None:
        """Append a `run.event`, which is for people and not part of the digest."""
        self._write("INSERT INTO events (at, name, body) VALUES (?, ?, ?)", (time.time(), name, _dump(body)))

    def wall_s(self) -> float:
        """Return the seconds at work: the time from each opening of the run to its last step before the next opening."""
        opened = [row[0] for row in self._db.execute("SELECT at FROM events WHERE name = 'run.opened' ORDER BY seq")]
        total = 0.0
        for begin, end in zip(opened, [*opened[1:], float("inf")], strict=False):  # empty before the first opening
            last = self._db.execute("SELECT max(at) FROM steps WHERE at >= ? AND at < ?", (begin, end)).fetchone()[0]
            total += (last - begin) if last is not None else 0.0
        return total

    def digest(self) -> str:
        """Return the SHA-256 over all steps in the order of their keys, without times."""
        rows = self._db.execute("SELECT key, method, params, result, error FROM steps ORDER BY key")
        return content_hash(
            [
                [key, method, sha256(params), sha256(result or ""), sha256(error or "")]
                for key, method, params, result, error in rows
            ]
        )

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        try:
            self._db.execute(sql, values)
        except sqlite3.OperationalError as error:
            if is_full(error):
                raise disk_full(self.path) from error
            if "locked" in str(error):
                raise LedgerError(f"{self.path} is in use by another process; wait for it or end it") from error
            raise
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, error) from error


def _dump(value: object) -> str:
    return canonical(value).decode()


def _step(row: tuple[Any, ...]) -> Step:
    key, method, params, result, error = row
    return Step(key, method, json.loads(params), json.loads(result) if result else None, json.loads(error) if error else None)


def other_step(path: Path, key: str, recorded: str, asked: str) -> LedgerError:
    """Return the error for a key that another step already has; long texts are cut to the place where they differ."""
    same = next((i for i, (a, b) in enumerate(zip(recorded, asked, strict=False)) if a != b), 0)
    found, wanted = (text[:160] if same < 120 else f"{text[:8]}...{text[same - 40 : same + 120]}" for text in (recorded, asked))
    return LedgerError(
        f"step {key} of {path} was recorded with {found}, but now has {wanted}: other code or other settings made the "
        "record; continue with those, or start a new run"
    )


def damaged(path: Path, problem: object) -> LedgerError:
    """Return the error for a file that SQLite cannot read."""
    return LedgerError(f"{path} is damaged ({problem}): restore it from a copy, or start again with another --run-dir")


def is_full(error: BaseException) -> bool:
    """Return whether an error, from any source, says that the disk is full."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in (
            "SQLITE_FULL",
            "SQLITE_IOERR_WRITE",
            "SQLITE_IOERR_SHMSIZE",
            "SQLITE_IOERR_FSYNC",
        )
    return getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)


def disk_full(path: Path) -> SurroundingsError:
    """Return the error for a write to a full disk."""
    return SurroundingsError(f"no room left on the disk of {path.parent}: free some, then `ouroloop resume {path.parent}`")


def require_room(folder: Path, need_mb: int) -> None:
    """Refuse to begin if the disk has less than `need_mb` MB free.

    Raises:
        SurroundingsError: the disk has too little room.
    """
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    if free_mb < need_mb:
        raise SurroundingsError(
            f"the disk of {there} has {free_mb} MB free, but a run needs {need_mb} MB: free some, or choose another --run-dir"
        )

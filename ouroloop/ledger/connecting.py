"""Connections to a ledger file that may come from a stranger.

Before anything of it is read, the file must hold exactly the tables that this program makes, and no view, trigger or virtual
table: SQL that is stored in a file would run with every query. Values are capped in length. Opening has a deadline, and so
has each query of a reader.

Reading leaves nothing behind. SQLite would make a `-wal` and a `-shm` file beside a ledger, so a ledger that nobody writes is
opened as immutable, and one that a killed process left with a `-wal` file is read from a private copy.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from ouroloop.ledger.faults import damaged, of_sqlite
from ouroloop.ledger.lock import at_rest
from ouroloop.ledger.parts import look
from ouroloop.protocols.errors import LedgerError, SurroundingsError
from ouroloop.protocols.text import plain_line

Mode = Literal["create", "write", "read"]
SCHEMA_VERSION: Final = "4"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, method TEXT NOT NULL, params TEXT NOT NULL,
    result TEXT, error TEXT, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS steps_by_method ON steps (method);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL);
"""
WRITING: Final = {"create": "mode=rwc", "write": "mode=rw"}
MAX_FILE: Final = 1 << 30
MAX_VALUE: Final = 64 << 20
"""The greatest size of a ledger, and of one value in it, in bytes."""
DEADLINE_S: Final = 60.0
"""How long SQLite may take to open a ledger, and for each query of a reader."""
SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading a file raises that SQLite cannot make sense of; the second, where even SQLite's own message is no text."""
_CHECKPOINTS: Final = re.compile(
    r"CREATE TABLE (checkpoints|writes) \(( \w+ (TEXT|BLOB|INTEGER)( NOT NULL)?( DEFAULT '')?,)+ "
    r"PRIMARY KEY \([\w, ]+\)( , task_path TEXT NOT NULL DEFAULT '')? ?\)"
)
"""The tables of LangGraph's checkpoints, in the forms that its versions give them."""
_INTERNAL: Final = re.compile(r"sqlite_(autoindex_(meta|steps|checkpoints|writes)_\d+|stat\d)")


class Connection(sqlite3.Connection):
    """A connection on which SQLite's time is limited: for the opening, and then for each query."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin the opening."""
        super().__init__(*args, **options)
        self._end = time.monotonic() + DEADLINE_S
        self.set_progress_handler(lambda: time.monotonic() > self._end, 100_000)

    def take_any_time(self) -> None:
        """Limit nothing any more: only this process writes the file."""
        self.set_progress_handler(None, 0)

    def rows(self, sql: str, values: tuple[Any, ...], size: int = 1) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query. The time that the caller takes between two rows does not count.

        Args:
            sql: the query.
            values: of its placeholders.
            size: rows that are fetched at a time; more than one is for rows that cannot be large.

        Raises:
            sqlite3.OperationalError: SQLite refuses the query, or it takes too long (SQLITE_INTERRUPT).
        """
        left = DEADLINE_S
        self._end = time.monotonic() + left
        cursor = self.execute(sql, values)
        while True:
            begun = time.monotonic()
            self._end = begun + left
            rows = cursor.fetchmany(size)
            if not rows:
                return
            left -= time.monotonic() - begun
            yield from rows


def connect(path: Path, mode: Mode) -> tuple[Connection, Callable[[], None]]:
    """Return a checked connection to a ledger, and what to call to close it.

    Args:
        path: the file.
        mode: `create` makes the file and its tables; `read` changes nothing, not even the files beside it.

    Raises:
        LedgerError: it is missing, damaged, in use, of another version, or holds what a ledger does not hold.
    """
    if mode != "create":
        _look_around(path)
    stack = ExitStack()
    try:
        db = _reading(path, stack) if mode == "read" else _open(path, WRITING[mode], stack)
        if mode == "create":
            _log_ahead(db)
            db.executescript(SCHEMA)
            db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
        check(db, path)
        if mode != "read":
            db.take_any_time()
        if mode == "write":
            _log_ahead(db)
    except BaseException as error:
        stack.close()
        if isinstance(error, SQLITE_ERRORS):
            raise of_sqlite(path, error) from error
        raise
    return db, stack.close


def _look_around(path: Path) -> None:
    found = look(path, "file")
    if found is None:
        raise LedgerError(f"{path.parent} is not a run directory: it holds no ledger.sqlite; `ouroloop list` shows the runs")
    for beside in ("-wal", "-shm"):
        look(path.with_name(path.name + beside), "file")
    journal = path.with_name(f"{path.name}-journal")
    if journal.is_symlink() or journal.exists():  # SQLite would obey it, down to deleting a file that it names
        raise LedgerError(f"{journal} is no file of a run: this is not as a run left it, so do not trust it; remove it")
    if found.st_size > MAX_FILE:
        raise damaged(path, f"{found.st_size} bytes, and a ledger has at most {MAX_FILE}")


def _reading(path: Path, stack: ExitStack) -> Connection:
    """Return a connection that changes nothing. No run begins while a ledger is copied, so its two files belong together."""
    with at_rest(path.parent) as resting:
        if not resting:
            return _open(path, "mode=ro", stack, timeout_s=2)
        if not _has_log(path):
            return _open(path, "mode=ro&immutable=1", stack)
        try:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ouroloop-")))
            for name in (path.name, f"{path.name}-wal"):
                shutil.copyfile(path.with_name(name), copy / name, follow_symlinks=False)
        except OSError as error:
            raise SurroundingsError(
                f"{path} cannot be copied to be read ({error.strerror}): try again, or set TMPDIR to a folder with room"
            ) from None
        return _open(copy / path.name, "mode=rw", stack)


def _has_log(path: Path) -> bool:
    """Return whether steps lie in a `-wal` file beside the ledger, as a killed process leaves them."""
    beside = path.with_name(f"{path.name}-wal")
    log = look(beside, "file")
    if log is not None and log.st_size > MAX_FILE:
        raise damaged(beside, f"{log.st_size} bytes, at most {MAX_FILE} are read")
    return log is not None and log.st_size > 0


def _open(path: Path, how: str, stack: ExitStack, timeout_s: float = 10) -> Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    db = sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False, factory=Connection)
    stack.callback(db.close)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    return db


def _log_ahead(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")


def check(db: sqlite3.Connection, path: Path) -> None:
    """Check that a database is a whole ledger of this version and nothing else.

    Raises:
        LedgerError: it is not.
        sqlite3.Error: SQLite cannot read it.
    """
    found = _objects(db, path)
    mine = _own()
    if found.get("meta") != mine["meta"]:
        held = ", ".join(sorted(found)[:5]) or "no table"
        raise damaged(path, f"it is no ledger of Ouroloop: it holds {held}")
    row = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    version = row[0] if row else None
    if version != SCHEMA_VERSION:
        raise LedgerError(
            f"{path} has version {plain_line(str(version), 20)}, but this program reads {SCHEMA_VERSION}; use the program "
            "that wrote it"
        )
    if strange := sorted(name for name, sql in found.items() if not _known(name, sql, mine)):
        raise damaged(path, f"{strange[0]} is not a table that this program makes")
    if missing := sorted(mine.keys() - found.keys()):
        raise damaged(path, f"{missing[0]} is missing")
    if number := db.execute("PRAGMA application_id").fetchone()[0]:
        raise damaged(path, f"it belongs to another program, with application_id {number}")
    if (first := db.execute("SELECT MIN(seq) FROM steps").fetchone()[0]) is not None and first < 1:
        raise damaged(path, f"its first step has the number {first}")
    problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(path, problem)


def _objects(db: sqlite3.Connection, path: Path) -> dict[str, str]:
    """Return the SQL of every object in the file, by name, with single spaces; refuses whatever runs code of the file."""
    found = {}
    for type_, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master"):
        text = " ".join(str(sql or "").split())
        if type_ not in ("table", "index") or text.upper().startswith("CREATE VIRTUAL"):
            raise damaged(path, f"it holds the {type_} {name}, and a ledger has only plain tables")
        found[str(name)] = text
    return found


@cache
def _own() -> dict[str, str]:
    """Return the SQL of this program's own tables and index, as SQLite keeps it."""
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(SCHEMA)
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    finally:
        db.close()
    return {name: " ".join(sql.split()) for name, sql in rows}


def _known(name: str, sql: str, mine: dict[str, str]) -> bool:
    if _INTERNAL.fullmatch(name):
        return True
    checkpoints = _CHECKPOINTS.fullmatch(sql)
    return mine[name] == sql if name in mine else checkpoints is not None and checkpoints[1] == name

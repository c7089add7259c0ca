"""The ledger: one SQLite file that records every step of a run once.

A *step* is a JSON-RPC call under a key such as `2/gate/c5`: its method, params and result (or error). `once` runs a step
the first time and returns the recorded result ever after. A process that is killed at any moment and started again
therefore repeats at most the step that it died in. Asking for a known key with another method or other params is an
error; it does not return the old answer. The digest is the hash of all steps, without times.

Writing, reading and reading further share one connection and its transactions, so they stand in one module.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from ouroloop.ledger.connecting import SQLITE_ERRORS, Mode, connect
from ouroloop.ledger.faults import damaged, of_sqlite
from ouroloop.protocols.canonical import Json, JsonObject, canonical, content_hash, sha256
from ouroloop.protocols.errors import LedgerError

_STEP: Final = "SELECT seq, key, method, params, result, error FROM steps"
_ANSWER: Final = _STEP.replace("params", "NULL")
_TOTAL: Final = "SELECT COUNT(*) - COUNT(json_extract(result, ?)), TOTAL(json_extract(result, ?)) FROM steps"
LAST: Final = (1 << 63) - 1
"""The greatest number that a step can have."""
_AT: Final = "SELECT at"
_ODD: Final = "typeof(at) NOT IN ('real', 'integer') OR at NOT BETWEEN 0 AND 1e11"
_AT_WORK: Final = """
WITH moments AS (
    SELECT at, 1 AS opens FROM events WHERE name = 'run.opened' UNION ALL SELECT at, 0 FROM steps),
numbered AS (SELECT at, SUM(opens) OVER (ORDER BY at, opens DESC ROWS UNBOUNDED PRECEDING) AS opening FROM moments)
SELECT SUM(last - first) FROM (SELECT MAX(at) AS last, MIN(at) AS first FROM numbered WHERE opening > 0 GROUP BY opening)
"""
"""The sum over openings of the time from each to the last step before the next; a step before all of them counts for none."""
_LITERAL: Final = re.compile(r"[^*?\[]*")
"""What all keys that match a pattern begin with."""
_HUGE: Final = re.compile(r"(?<![0-9A-Za-z])\d+(?:\.\d*)?[eE]\+?\d{3}|\d{300}")
"""A number that may be beyond the floats, so that it would be read as infinity; few content hashes look like one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded call; exactly one of `result` and `error` is set.

    Its values are decoded when they are asked for, since most readers of long runs want few of them. Each raises LedgerError
    if it is not JSON.

    Args:
        seq: its place in the order of recording.
        key: its name.
        method: its JSON-RPC method.
        texts: of its params, its result and its error, as recorded.
        ledger: that holds it.
    """

    seq: int
    key: str
    method: str
    texts: tuple[Any, Any, Any]
    ledger: Ledger

    @property
    def failed(self) -> bool:
        """Whether it ended in an error."""
        return self.texts[2] is not None

    @property
    def params(self) -> Json:
        """The params. Raises LedgerError if the step was read without them."""
        found: Json = self.ledger.value(self.texts[0], self.key)
        return found

    @property
    def result(self) -> Any:
        """The result; None if it ended in an error."""
        return self._value(1)

    @property
    def result_text(self) -> str | None:
        """The result as it is recorded, for those who read it by its type; None if it ended in an error."""
        text = self.texts[1]
        return None if text is None else self.ledger.text(text, self.key)

    @property
    def error(self) -> JsonObject | None:
        """The error; None if it has a result."""
        found: JsonObject | None = self._value(2)
        if found is not None and not isinstance(found, dict):
            raise damaged(self.ledger.path, f"the error of step {self.key} is no object")
        return found

    def _value(self, place: int) -> Any:
        text = self.texts[place]
        return None if text is None else self.ledger.value(text, self.key)


class Ledger:
    """The open ledger of one run; only one process at a time may write to it."""

    def __init__(self, path: Path, mode: Mode = "write") -> None:
        """Open (or create) the file; see `connecting.connect`.

        Raises:
            LedgerError: it is missing, damaged, in use, or another version or program wrote it.
        """
        self.path, self._mode = path, mode
        self._db, self._close = connect(path, mode)

    def close(self) -> None:
        """Close the file. A writer first moves its log into the file, which SQLite leaves undone while a reader has it open."""
        if self._mode != "read":
            with suppress(sqlite3.Error):  # what is in the log is not lost, and the next reader takes it from there
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._close()

    def meta(self, key: str) -> str | None:
        """Return a value of the run's header, or None."""
        for (value,) in self._read("SELECT value FROM meta WHERE key = ?", key):
            return self.text(value, key)
        return None

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of the run's header."""
        self._write("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))

    def step(self, key: str) -> Step | None:
        """Return the step recorded under that key, or None."""
        for row in self._read(f"{_STEP} WHERE key = ?", key):
            if row[1] != key:
                raise damaged(self.path, f"its index finds another step for {key}")
            return self._step(row)
        return None

    def steps(
        self, pattern: str = "*", methods: Sequence[str] = (), after: int = 0, upto: int = LAST, *, params: bool = True
    ) -> Iterator[Step]:
        """Yield recorded steps in the order they were recorded.

        Args:
            pattern: pattern of their keys, with `*` for anything.
            methods: only steps with these methods; all by default.
            after: only steps that were recorded after the one with this `seq`.
            upto: only steps up to the one with this `seq`.
            params: read their params, too. Prompts are among them, most of what a long run records.
        """
        step = _STEP if params else _ANSWER
        chosen = f"AND {{}}method IN ({', '.join('?' * len(methods))})" if methods else ""
        prefix = _LITERAL.match(pattern)
        if prefix is not None and prefix[0]:  # `+` keeps SQLite to the index of the keys, of which few begin so
            asked = (
                f"{step} WHERE key >= ? AND key < ? AND key GLOB ? AND +seq BETWEEN ? AND ? {chosen.format('+')} ORDER BY seq"
            )
            rows = self._read(asked, prefix[0], f"{prefix[0]}\U0010ffff", pattern, after + 1, upto, *methods)
        else:
            asked = f"{step} WHERE key GLOB ? AND seq BETWEEN ? AND ? {chosen.format('')} ORDER BY seq"
            rows = self._read(asked, pattern, after + 1, upto, *methods)
        return map(self._step, rows)

    def last(self) -> int:
        """Return the `seq` of the step recorded last; 0 before the first."""
        for (found,) in self._read("SELECT COALESCE(MAX(seq), 0) FROM steps"):
            return self._whole(found, "the last step")
        return 0

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
        if (known.error, known.result) != (error, None if error else from_json(texts[1] or "null")):
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

    def total(self, field: str, methods: Sequence[str], after: int = 0, upto: int = LAST) -> int:
        """Return the sum of a whole number that the results of steps hold, without decoding the rest of them.

        Args:
            field: its name.
            methods: of the steps.
            after: see `steps`.
            upto: likewise.

        Raises:
            LedgerError: a result is not JSON, or lacks the number.
        """
        place, chosen = f"$.{field}", f"method IN ({', '.join('?' * len(methods))})"
        asked = f"{_TOTAL} WHERE seq BETWEEN ? AND ? AND error IS NULL AND {chosen}"
        for lacking, found in self._read(asked, place, place, after + 1, upto, *methods):
            if lacking or not 0 <= found < 1 << 62:
                raise damaged(self.path, f"a step of {' or '.join(methods)} lacks {field}")
            return int(found)
        return 0

    def event(self, name: str, body: Mapping[str, Json]) -> None:
        """Append a `run.event`, which is for people and not part of the digest."""
        self._write("INSERT INTO events (at, name, body) VALUES (?, ?, ?)", (time.time(), name, _dump(body)))

    def events(self, name: str) -> Iterator[Json]:
        """Yield the bodies of all events of a name, in order. Raises LedgerError for a body that is not JSON."""
        for (body,) in self._read("SELECT body FROM events WHERE name = ? ORDER BY seq", name):
            yield self.value(body, f"event {name}")

    def latest(self) -> tuple[str, float] | None:
        """Return the key of the step recorded last, and its time in seconds since 1970; None before the first."""
        for key, at in self._read("SELECT key, at FROM steps ORDER BY seq DESC LIMIT 1"):
            return self.text(key, "a step"), self._time((at,))
        return None

    def began(self) -> float | None:
        """Return the time of the first step, in seconds since 1970; None before it."""
        for row in self._read("SELECT at FROM steps ORDER BY seq LIMIT 1"):
            return self._time(row)
        return None

    def openings(self) -> list[float]:
        """Return the times at which the run was opened, in seconds since 1970, in order."""
        return sorted(self._time(row) for row in self._read("SELECT at FROM events WHERE name = 'run.opened'"))

    def moments(self, after: int, upto: int) -> list[float]:
        """Return the times of steps in seconds since 1970, in order; `after` and `upto` are as for `steps`."""
        rows = self._read("SELECT at FROM steps WHERE seq BETWEEN ? AND ?", after + 1, upto, size=1000)
        return sorted(map(self._time, rows))

    def wall_s(self) -> float:
        """Return the seconds at work: the time from each opening of the run to its last step before the next opening."""
        for table in ("events", "steps"):
            for row in self._read(
                f"{_AT} FROM {table} WHERE typeof(at) NOT IN ('real', 'integer') OR at NOT BETWEEN 0 AND 1e11"
            ):
                self._time(row)
        for (found,) in self._read(_AT_WORK):
            return float(found or 0.0)
        return 0.0

    def digest(self) -> str:
        """Return the SHA-256 over all steps in the order of their keys, without times."""
        return content_hash(
            [
                [self.text(key, "a key"), self.text(method, key), *(sha256(self.text(text or "", key)) for text in texts)]
                for _, key, method, *texts in self._read(f"{_STEP} ORDER BY key")
            ]
        )

    def _read(self, sql: str, *values: Any, size: int = 1) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query; whatever SQLite says against them becomes the project's error."""
        try:
            for row in self._db.rows(sql, values, size):  # noqa: UP028  (`yield from` would close a cursor of a closed file)
                yield row
        except SQLITE_ERRORS as error:
            raise of_sqlite(self.path, error) from error

    def _step(self, row: tuple[Any, ...]) -> Step:
        seq, key, method, *texts = row
        named = self.text(key, "a step"), self.text(method, "a step")
        return Step(self._whole(seq, "a step's number"), *named, (texts[0], texts[1], texts[2]), self)

    def _whole(self, value: object, what: str) -> int:
        """Return a value that must be a whole number."""
        if not isinstance(value, int):
            raise damaged(self.path, f"{what} is {type(value).__name__}, expected a whole number")
        return value

    def value(self, text: object, key: str) -> Any:
        """Return the value of a JSON text, with no NaN, no infinity, and no more depth than any step needs."""
        try:
            value = from_json(self.text(text, key), allow_inf_nan=False)
            if _HUGE.search(str(text)):
                canonical(value)
        except ValueError as error:
            raise damaged(self.path, f"step {key}: {error}") from error
        return value

    def text(self, value: object, what: str) -> str:
        """Return a value that must be a text; SQLite keeps any type in any column."""
        if not isinstance(value, str):
            raise damaged(self.path, f"{what} holds {type(value).__name__}, expected text")
        return value

    def _time(self, row: tuple[object, ...]) -> float:
        """Return a time in seconds since 1970; a few thousand years bound it."""
        (value,) = row
        if not isinstance(value, int | float) or not 0 <= value < 1e11:
            raise damaged(self.path, f"{value!r} is no time")
        return float(value)

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        try:
            self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise of_sqlite(self.path, error) from error


def _dump(value: object) -> str:
    return canonical(value).decode()


def other_step(path: Path, key: str, recorded: str, asked: str) -> LedgerError:
    """Return the error for a key that another step already has; long texts are cut to the place where they differ."""
    same = next((i for i, (a, b) in enumerate(zip(recorded, asked, strict=False)) if a != b), 0)
    found, wanted = (text[:160] if same < 120 else f"{text[:8]}...{text[same - 40 : same + 120]}" for text in (recorded, asked))
    return LedgerError(
        f"step {key} of {path} was recorded with {found}, but now has {wanted}: other code or other settings made the "
        "record; continue with those, or start a new run"
    )

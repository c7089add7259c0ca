"""Fuzzes the reader of ledgers: whatever a ledger holds, reading gives a document or a `LedgerError`, in under a second.

Three depths: `rows` changes one row in memory and reads that step, `documents` reads the whole run after such a change, and
`files` changes bytes of the file. Run `python -m tests.runs.fuzz_ledger RUN rows 1000000 SEED`.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from ouroloop.inspect.run import Report
from ouroloop.ledger.connecting import Connection
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps import apply, attribute, gate, observe, propose, start, train, watch
from ouroloop.ledger.steps.key import Key
from ouroloop.ledger.steps.screen import Screening
from ouroloop.ledger.steps.usage import usage
from ouroloop.protocols.errors import LedgerError

SLOW_S: Final = 1.0
COLUMNS: Final = ("key", "method", "params", "result", "error", "at")
KEYS: Final[tuple[tuple[str, Key[Any]], ...]] = (
    (r"start/given", start.GIVEN),
    (r"start/library", start.LIBRARY),
    (r"start/policy", start.POLICY),
    (r"start/incumbent", start.INCUMBENT),
    (r"start/score", start.SCORE),
    (r"\d+/observe/play", observe.play(0)),
    (r"\d+/observe/diagnose", observe.diagnose(0)),
    (r"\d+/decide", observe.decide(0)),
    (r"\d+/propose/reward", propose.ask(0, "reward")),
    (r"\d+/propose/patch", propose.ask(0, "patch")),
    (r"\d+/(repair/all/.*|answer/all)", propose.candidates(0)),
    (r"\d+/repair/.*", propose.repair(0, "patch", 1)),
    (r"\d+/answer/.*", propose.answer(0, "reward")),
    (r"\d+/share/.*", propose.share(0, "patch")),
    (r"\d+/propose/all", propose.candidates(0)),
    (r"\d+/screen/.*", Key("", "", Screening)),
    (r"\d+/train/.*", train.train(0, 0, "")),
    (r"\d+/halve/.*", train.halve(0, 0, "")),
    (r"\d+/gate/order", gate.order(0)),
    (r"\d+/gate/.*/spend", gate.spend(0, "patch")),
    (r"\d+/gate/.*/games/.*", gate.block(0, "patch", 0)),
    (r"\d+/gate/.*/judge", gate.judge(0, "patch")),
    (r"\d+/verdict/.*", gate.verdict(0, "")),
    (r"\d+/apply/.*", apply.apply(0, "")),
    (r"\d+/attribute", attribute.attribute(0)),
    (r"\d+/watch/judge/.*", watch.judge(0, 0)),
    (r"\d+/watch/.*", watch.play(0)),
)
ODD: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 1 << 70, 10**400, 0.5, -0.0, 1e308, "", "x", "\x00", "\x1b[2J", "../" * 9, "0" * 64, [], {}, [[]]),
    *({"a": {}}, [None] * 50, "9" * 400, "accepted", "start", "\u202e"),
)
RAW: Final[tuple[Any, ...]] = (
    *(
        "NaN",
        "-Infinity",
        "1e999",
        "[" * 5000,
        "{" * 300,
        '"\\ud800"',
        "",
        " ",
        "null",
        "1 2",
        '{"a":1,"a":{}}',
        b"\xff",
        b"{}",
    ),
    *(None, 7, 1.5, -(1 << 63), float("inf"), "9" * 5000, "é" * 99, '"\\u0000"'),
)


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a JSON value with one part of it replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(list(value))
        match chance.randrange(8):
            case 0:
                return {key: held for key, held in value.items() if key != name}
            case 1:
                return {**value, chance.choice(["", "x", name.upper()]): value[name]}
        return {**value, name: mutated(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        match chance.randrange(6):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value + value
        return [*value[:at], mutated(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


def odd_column(row: dict[str, Any], chance: random.Random) -> tuple[str, Any]:
    """Return a column of a row and an odd value for it."""
    column = chance.choice(COLUMNS if chance.random() < 0.3 else ("result", "params"))
    now = row[column]
    if isinstance(now, str) and column in ("result", "params"):
        kind = chance.random()
        if kind < 0.7:
            with suppress(ValueError):  # an earlier change may have left no JSON
                return column, json.dumps(mutated(json.loads(now), chance))
        if kind < 0.9 and now:
            at, width = chance.randrange(len(now)), chance.randrange(4)
            return column, now[:at] + chance.choice(['"', "\\", "}", "1e999", "\x00", "[", "é", ""]) + now[at + width :]
    if column in ("key", "method") and chance.random() < 0.5:
        return column, chance.choice(["", "/", "x/y", "0/verdict", "99999999999/watch/play", f"{now}/..", "-1/decide"])
    return column, chance.choice(RAW)


def in_memory(run: Path) -> tuple[sqlite3.Connection, Ledger]:
    """Return a copy of a run's ledger in memory, and a reader of it."""
    memory = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
        db.backup(memory)
    memory.execute("PRAGMA ignore_check_constraints=ON")
    ledger = Ledger.__new__(Ledger)
    ledger.path, ledger._db, ledger._close = run / "ledger.sqlite", memory, memory.close
    return memory, ledger


def everything(ledger: Ledger) -> None:
    """Read what no single step shows."""
    for read in (usage, apply.changes, gate.verdicts, gate.stakes, watch.history, observe.rounds_begun):
        list(read(ledger))
    ledger.wall_s()
    ledger.digest()


def attempt(read: Callable[[], object], seen: Counter[str], what: object) -> None:
    """Read once; anything but a value or a `LedgerError`, or a slow answer, is a finding."""
    begin = time.perf_counter()
    try:
        read()
        seen["read"] += 1
    except LedgerError as error:
        seen["refused" if "\n" not in str(error) else f"in lines: {what!r:.200}"] += 1
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} from {what!r:.2000}") from error
    if time.perf_counter() - begin > SLOW_S:
        seen["slow"] += 1


def fuzz_rows(run: Path, count: int, seed: int) -> Counter[str]:
    """Change one row at a time and read its step; every 64th time, read everything."""
    chance, seen = random.Random(seed), Counter[str]()
    memory, ledger = in_memory(run)
    for _ in range(count):
        row, column, value = _change(memory, chance)
        key = next((key for pattern, key in KEYS if re.fullmatch(pattern, row["key"])), start.SCORE)

        def read(key: Key[Any] = key, row: dict[str, Any] = row) -> None:
            step = ledger.step(row["key"])
            if step is not None:
                key.of(ledger, step)

        attempt(read, seen, (row["key"], column, value))
        if not chance.randrange(64):
            attempt(lambda: everything(ledger), seen, (row["key"], column, value))
        _restore(memory, row)
    memory.close()
    return seen


def fuzz_documents(run: Path, count: int, seed: int) -> Counter[str]:
    """Change one to three rows, and read the whole run."""
    chance, seen = random.Random(seed), Counter[str]()
    memory, ledger = in_memory(run)
    report = Report(run)
    report.close()
    report.ledger = ledger
    for _ in range(count):
        changes = [_change(memory, chance) for _ in range(chance.randint(1, 3))]

        def read() -> None:
            report.refresh()
            json.dumps(report.document(), allow_nan=False)

        attempt(read, seen, [(row["key"], column, value) for row, column, value in changes])
        for row, _, _ in reversed(changes):
            _restore(memory, row)
    memory.close()
    return seen


def fuzz_files(run: Path, count: int, seed: int) -> Counter[str]:
    """Change bytes of the ledger's file, and read the whole run."""
    chance, seen = random.Random(seed), Counter[str]()
    whole = (run / "ledger.sqlite").read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        folder.mkdir()
        shutil.copy(run / "recipe.toml", folder)
        shutil.copytree(run / "artifacts", folder / "artifacts")
        for _ in range(count):
            data = bytearray(whole)
            for _ in range(chance.choice((1, 1, 4, 32, 400))):
                span = 100 if chance.random() < 0.2 else len(data)  # the header, or anywhere
                data[chance.randrange(span)] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            if chance.random() < 0.1:
                del data[chance.randrange(len(data)) :]
            (folder / "ledger.sqlite").write_bytes(bytes(data))

            def read() -> None:
                with closing(Report(folder)) as report:
                    json.dumps(report.document(), allow_nan=False)

            attempt(read, seen, "bytes")
        seen["left behind"] = len(list(folder.iterdir())) - 3
    return seen


def _change(memory: sqlite3.Connection, chance: random.Random) -> tuple[dict[str, Any], str, Any]:
    """Change one column of one row of the steps; return the row as it was, the column and its new value."""
    (last,) = memory.execute("SELECT max(seq) FROM steps").fetchone()
    found = memory.execute("SELECT seq, * FROM steps WHERE seq >= ? LIMIT 1", (chance.randint(1, last),))
    names = [each[0] for each in found.description]
    row = dict(zip(names, found.fetchone(), strict=True))
    column, value = odd_column(row, chance)
    try:
        memory.execute(f"UPDATE steps SET {column} = ? WHERE seq = ?", (value, row["seq"]))
    except (sqlite3.Error, OverflowError):  # NOT NULL and UNIQUE hold in memory, too
        value = row[column]
    return row, column, value


def _restore(memory: sqlite3.Connection, row: dict[str, Any]) -> None:
    sets = ", ".join(f"{name} = ?" for name in COLUMNS)
    memory.execute(f"UPDATE steps SET {sets} WHERE seq = ?", (*(row[name] for name in COLUMNS), row["seq"]))


if __name__ == "__main__":
    _, where, depth, number, first = sys.argv
    depths = {"rows": fuzz_rows, "documents": fuzz_documents, "files": fuzz_files}
    begun = time.monotonic()
    print(depth, dict(depths[depth](Path(where), int(number), int(first))), f"{time.monotonic() - begun:.0f} s")

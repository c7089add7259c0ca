"""`ouroloop bench page`: how quick the page is on a long run, how much memory its server takes, and what watching costs a run.

The run is the recorded one that ships with the package, its rounds repeated. The server is a process of its own, asked over
HTTP as a browser asks it. A run that works gets a step ten times a second while the page follows it: the server's processor
time is then all that the run can lose to it.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from rich.table import Table

from ouroloop.bench.timing import Report, machine, significant
from ouroloop.inspect.demo.unpacking import unpack
from ouroloop.ledger.lock import locked
from ouroloop.ledger.parts import LEDGER
from ouroloop.ledger.sqlite import Ledger

ROUNDS: Final = (4, 120, 1180)
"""Rounds of the runs; the longest has about 5000 candidates."""
REPEATS: Final = 15
VISITS: Final = 400
FOLLOWED_S: Final = 60.0
STEP_S: Final = 0.1
WANTED: Final = {"first_ms": 1000.0, "page_ms": 200.0, "memory_mb": 300.0, "share": 0.02}
ID: Final = re.compile(r"\br(\d+)-")
"""What the id of a candidate begins with: its round."""
COPIED: Final = "INSERT INTO steps (key, method, params, result, error, at) VALUES (?, ?, ?, ?, ?, ?)"


def measure(report: Report) -> dict[str, Any]:
    """Return the figures for runs of growing length."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="ouroloop-bench-") as scratch:
        for place, rounds in enumerate(ROUNDS):
            report(f"{rounds} rounds", place / len(ROUNDS))
            home = Path(scratch) / str(rounds)
            folder, candidates = lengthened(home, rounds)
            rows.append({"rounds": rounds, "candidates": candidates, **_row(home, folder)})
    return {"machine": machine(), "wanted": WANTED, "runs": rows}


def lengthened(home: Path, rounds: int) -> tuple[Path, int]:
    """Make a run of so many rounds, which repeat those of the recorded one; return it, and how many candidates it has."""
    folder = unpack(home)
    with closing(sqlite3.connect(folder / LEDGER)) as db:
        steps = db.execute("SELECT key, method, params, result, error, at FROM steps ORDER BY seq").fetchall()
        own = [step for step in steps if step[0].partition("/")[0].isdigit()]
        length = max(int(step[0].partition("/")[0]) for step in own)
        for by in range(length, rounds, length):
            db.executemany(COPIED, (_shifted(step, by) for step in own))
        found = db.execute("SELECT COUNT(*) FROM steps WHERE method = 'run.verdict'").fetchone()[0]
        db.commit()
    return folder, int(found)


def _shifted(step: tuple[Any, ...], by: int) -> tuple[Any, ...]:
    """Return a step as that of a later round."""
    key, method, params, result, error, at = step
    round, _, rest = key.partition("/")
    texts = [
        None if text is None else ID.sub(lambda old: f"r{int(old[1]) + by}-", text) for text in (rest, params, result, error)
    ]
    if method == "patch.apply":
        applied = json.loads(texts[2] or "{}")
        texts[2] = json.dumps(applied | {"round": applied["round"] + by})
    return f"{int(round) + by}/{texts[0]}", method, texts[1], texts[2], texts[3], at


def _row(home: Path, folder: Path) -> dict[str, Any]:
    with served(home) as (server, browser):
        first = _ms(browser, "/")
        pages = _addresses(browser, folder.name)
        took = {
            name: significant(float(np.median([_ms(browser, path) for _ in range(REPEATS)]))) for name, path in pages.items()
        }
        before, paths = memory_mb(server.pid), list(pages.values())
        for visit in range(VISITS):
            _ms(browser, paths[visit % len(paths)])
        return {
            "first_ms": significant(first),
            "pages_ms": {name: significant(float(np.median(times))) for name, times in took.items()},
            "memory_mb": significant(before),
            "memory_after_mb": significant(memory_mb(server.pid)),
            "share": significant(_followed(server.pid, browser, folder)),
        }


def _addresses(browser: httpx.Client, run: str) -> dict[str, str]:
    """Return a page of each kind."""
    here = f"/runs/{run}"
    text = browser.get(f"{here}/rounds/1").text
    raced = re.search(rf'class="won"><td class="id"><a href="[^"]*({here}/candidates/[^"]+)"', text)
    assert raced is not None, "the recorded run accepted something in its first round"
    page = raced[1]
    return {
        "runs": "/",
        "run": here,
        "round": f"{here}/rounds/1",
        "lineage": f"{here}/lineage",
        "changes": f"{here}/changes",
        "proposers": f"{here}/models",
        "candidate": page,
        "pair": f"{page}/pairs/1",
    }


def _ms(browser: httpx.Client, path: str) -> float:
    """Return the milliseconds that a page takes."""
    begun = time.perf_counter()
    browser.get(path).raise_for_status()
    return 1000 * (time.perf_counter() - begun)


def _followed(pid: int, browser: httpx.Client, folder: Path) -> float:
    """Return the share of a core that the server takes while a page follows a run that gets ten steps a second."""
    over, drawn = threading.Event(), 0
    with locked(folder), closing(Ledger(folder / LEDGER)) as writer:
        writer.set_meta("status", "running")
        browser.get(f"/runs/{folder.name}")

        def write() -> None:
            number = 0
            while not over.wait(STEP_S):
                writer.record(f"bench/{time.time_ns()}-{number}", "run.note", {}, {"number": number})
                number += 1

        thread = threading.Thread(target=write)
        thread.start()
        begun, used = time.perf_counter(), processor_s(pid)
        with browser.stream("GET", f"/runs/{folder.name}/live", timeout=60) as events:
            for line in events.iter_lines():
                if line == "event: changed":
                    browser.get(f"/runs/{folder.name}").raise_for_status()
                    drawn += 1
                if time.perf_counter() - begun > FOLLOWED_S:
                    break
        share = (processor_s(pid) - used) / (time.perf_counter() - begun)
        over.set()
        thread.join()
    assert drawn, "the page was not told of new steps"
    return share


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """Give a server of the page, and a client that has entered."""
    command = [sys.executable, "-m", "ouroloop.cli", "ui", str(home), "--no-open"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        with httpx.Client(base_url=address.rstrip("/"), trust_env=False, timeout=60) as browser:
            yield server, browser
    finally:
        server.terminate()
        server.wait(20)


def memory_mb(pid: int) -> float:
    """Return the memory that a process holds, in 10^6 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024 / 1e6


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the figures as a table."""
    wanted, rows = found["wanted"], found["runs"]
    grid = Table("the page", *(f"{row['rounds']} rounds, {row['candidates']} candidates" for row in rows), pad_edge=False)
    grid.add_row(f"first page, ms, at most {wanted['first_ms']:g}", *(f"{row['first_ms']:g}" for row in rows))
    for name in rows[0]["pages_ms"]:
        grid.add_row(f"{name}, ms, at most {wanted['page_ms']:g}", *(f"{row['pages_ms'][name]:g}" for row in rows))
    grid.add_row(f"server's memory, MB, at most {wanted['memory_mb']:g}", *(f"{row['memory_mb']:g}" for row in rows))
    grid.add_row(f"after {VISITS} more pages, MB", *(f"{row['memory_after_mb']:g}" for row in rows))
    grid.add_row(f"of a core while it follows, at most {wanted['share']:.0%}", *(f"{row['share']:.2%}" for row in rows))
    return [grid]

"""Arms of runs go side by side, and end with the command."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ouroloop.bench.agents import runs


def test_no_more_than_the_given_number_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def run(tables: Any, folder: Path) -> dict[str, Any]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.02)
        with lock:
            now -= 1
        return {"seed": tables["seed"], "folder": folder}

    monkeypatch.setattr(runs, "_run", run)
    found = dict(runs._side_by_side([{"seed": seed} for seed in range(6)], 2))
    assert [found[number]["seed"] for number in range(6)] == list(range(6))
    assert len({brought["folder"] for brought in found.values()}) == 6
    assert most == 2


def test_a_run_that_fails_ends_the_bench_and_leaves_no_thread_that_must_be_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()

    def run(tables: Any, folder: Path) -> dict[str, Any]:
        if tables["seed"] == 0:
            raise ValueError("no model")
        hold.wait(60)
        return {}

    monkeypatch.setattr(runs, "_run", run)
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="no model"):
        list(runs._side_by_side([{"seed": 0}, {"seed": 1}], 2))
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)
    hold.set()

"""Arms of runs go side by side, and end with the command."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ouroloop.bench.agents import runs, validity
from ouroloop.bench.agents.tables import tables
from ouroloop.protocols.errors import RoleError, SurroundingsError


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


def test_arms_are_compared_on_the_same_seeds_and_told_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []

    def run(tables: Any, folder: Path) -> dict[str, Any]:
        asked.append((tables["seed"], tables["roles"]["code_patcher"][0].get("use", "chat")))
        gain = 2.0 if "use" in tables["roles"]["code_patcher"][0] else 1.0
        return {"gain": gain, "asked": 4, "passed": 3, "accepted": 1, "games": 9, "tokens": 50, "proposers": []}

    monkeypatch.setattr(runs, "_run", run)
    monkeypatch.setattr(runs, "require", lambda model: None)
    told: list[tuple[str, float]] = []
    found = runs.measure(("search", "model"), lambda what, share: told.append((what, share)), 3, 2)
    assert sorted(asked) == [(6, "chat"), (6, "search-patcher"), (7, "chat"), (7, "search-patcher")]
    assert [found[name]["gain"][0] for name in ("search", "model")] == [2.0, 1.0]
    assert found["model"]["tokens_per_food_gained"] == 50
    assert told[-1][1] == 1.0
    assert {name for names in runs.GROUPS.values() for name in names} == set(runs.ARMS)
    (table,) = tables({"roles": found})
    assert [list(column.cells)[1] for column in table.columns] == ["model", "+1.0", "6 of 8", "2", "18", "100", "50"]


def test_a_server_that_has_gone_is_no_figure_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    class Params:
        seed = 0

        def model_copy(self, update: dict[str, Any]) -> Params:
            return self

    class Gone:
        def __init__(self, config: Any) -> None: ...

        async def act(self, request: Any) -> Any:
            raise RoleError("connection refused or lost")

    monkeypatch.setattr(validity, "ChatPatcher", Gone)
    monkeypatch.setattr(validity, "question", lambda *_: type("Asked", (), {"params": Params()}))
    monkeypatch.setattr(validity, "_idea", lambda *_: "")
    with pytest.raises(SurroundingsError, match="no question was answered: connection refused or lost"):
        validity.replies(None, None, "patch", 40)  # type: ignore[arg-type]

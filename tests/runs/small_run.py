"""A run small enough for tests, made once: everything in it is real."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ouroloop.inspect.run import Report
from ouroloop.ledger.sqlite import Ledger
from ouroloop.runs.lifecycle import create, work
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import Recipe, build_recipe

ROLES = str(Path(__file__).with_name("scripted_roles.py"))
"""Where the scripted roles lie, as a recipe's `use` names them."""
MICRO = {
    "name": "micro",
    "seed": 3,
    "threads": 2,
    "sandbox": "wasm",
    "task": {"size": 6},
    "sft": {
        "steps": 30,
        "positions": 2000,
        "encoding": "cells",
        "teacher": "greedy",
        "batch": 128,
        "noise": 0.1,
        "smoothing": 0.05,
    },
    "grpo": {"steps": 6, "states": 16},
    # With ten patches one is far better than the start, whatever the processor's rounding has made of the policy.
    "roles": {"code_patcher": {"count": 10}},
    "gate": {"games": 48, "positions": 64, "watch_games": 16, "search_games": 16, "attribution_games": 16},
    "budget": {"rounds": 2},
}


def micro(*overrides: str) -> Recipe:
    """Return the small recipe with overrides."""
    tables = {k: dict(v) if isinstance(v, dict) else v for k, v in MICRO.items()}
    return build_recipe(tables, overrides)


def run_micro(folder: Path, *overrides: str) -> Path:
    """Run the small recipe to its end."""
    create(micro(*overrides), folder, Quiet(notes=False))
    assert work(folder, Quiet(notes=False)) == "done"
    return folder


def run_waiting(folder: Path, *overrides: str) -> Path:
    """Run the small recipe with one patch that wins its race, as far as it goes: with `approve=patch` that patch waits."""
    alone = ("roles.reward_designer.count=0", f"roles.code_patcher.use={ROLES}:SafePatcher", "roles.code_patcher.count=1")
    create(micro(*alone, "mode=bug_fix", "gate.games=160", "budget.rounds=1", *overrides), folder, Quiet(notes=False))
    assert work(folder, Quiet(notes=False)) in ("stopped", "done")
    return folder


def before_second_round(run: Path, copy: Path) -> list[tuple[Any, ...]]:
    """Copy a run as it was before its second round; return the steps that the copy lacks, for `goes_on`."""
    shutil.copytree(run, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        later = db.execute("SELECT * FROM steps WHERE key GLOB '2/*' ORDER BY seq").fetchall()
        db.execute("DELETE FROM steps WHERE key GLOB '2/*'")
        db.commit()
    return later


def goes_on(writer: Ledger, steps: list[tuple[Any, ...]]) -> None:
    """Record steps as another run had them."""
    for row in steps:
        writer._db.execute("INSERT INTO steps VALUES (?,?,?,?,?,?,?)", row)


def document(folder: Path) -> dict[str, Any]:
    """Return what `show --json` prints of a run."""
    report = Report(folder)
    try:
        return report.document()
    finally:
        report.close()


@pytest.fixture(scope="session", autouse=True)
def _own_model_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep trained models away from the user's cache, so that every session trains for itself; the WASM worker is shared."""
    import ouroloop.runs.beginning.models as models

    folder = tmp_path_factory.mktemp("models")
    models.model_cache = lambda: folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests must not change it."""
    return run_micro(tmp_path_factory.mktemp("runs") / "micro-000")


@pytest.fixture(scope="session")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which a patch won its race and waits for an answer; tests must not change it."""
    return run_waiting(tmp_path_factory.mktemp("runs") / "waiting-000", "approve=patch")

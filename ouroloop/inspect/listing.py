"""The runs below a directory, one row each; a run that cannot be read is a row that says why."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TypedDict

from ouroloop.inspect.document import candidates, tally
from ouroloop.inspect.history import history
from ouroloop.inspect.notes import read_notes
from ouroloop.inspect.run import Report
from ouroloop.ledger.parts import LEDGER
from ouroloop.protocols.errors import OuroloopError
from ouroloop.protocols.text import plain_line


class Listed(TypedDict):
    """A run in the list: its state, its last score (null before the first), and why it cannot be read (null if it can).

    `accepted` counts all candidates that the gate ever accepted, and `rolled_back` those of them that were rolled back since.
    `began` is the time of the first step in seconds since 1970, and `scores` are those of the incumbents in order.
    """

    run: str
    status: str
    rounds: int
    accepted: int
    rolled_back: int
    score: float | None
    fault: str | None
    began: float | None
    seed: int | None
    scores: list[float]
    games: int
    tokens: int
    cost_usd: float
    tags: list[str]


def listed(home: Path) -> list[Listed]:
    """Return the runs below a directory in the order of their names; what is no directory has none."""
    try:
        folders = sorted(Path(entry.path) for entry in os.scandir(home) if entry.is_dir())
    except OSError:
        return []
    return [_row(folder) for folder in folders if any(os.path.lexists(folder / name) for name in (LEDGER, "recipe.toml"))]


def _row(folder: Path) -> Listed:
    try:
        with closing(Report(folder)) as report:
            document, began = report.document(), report.ledger.began()
    except OuroloopError as error:
        fault = plain_line(str(error), 600)
        return {
            "run": folder.name,
            "status": "unreadable",
            "rounds": 0,
            "accepted": 0,
            "rolled_back": 0,
            "score": None,
            "fault": fault,
            "began": None,
            "seed": None,
            "scores": [],
            "games": 0,
            "tokens": 0,
            "cost_usd": 0.0,
            "tags": [],
        }
    last, found = document["incumbent"], tally(candidates(document))
    return {
        "run": document["run"],
        "status": document["status"],
        "rounds": len(document["rounds"]),
        "accepted": found.accepted,
        "rolled_back": found.rolled_back,
        "score": last["score"]["mean"] if last else None,
        "fault": None,
        "began": began,
        "seed": document["seed"],
        "scores": [state.played["score"]["mean"] for state in history(document) if state.played],
        "games": document["totals"]["games"],
        "tokens": document["totals"]["tokens"],
        "cost_usd": document["totals"]["cost_usd"],
        "tags": list(read_notes(folder).tags),
    }

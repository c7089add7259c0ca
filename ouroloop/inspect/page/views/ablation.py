"""An ablation: its arms in a table, paired differences with their intervals, and every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ouroloop.files import read_regular
from ouroloop.inspect.page.charts.bars import Bar, intervals
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.shelf import DESIGN, WITHIN
from ouroloop.ledger.faults import FORMS
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.inspect.ablation.document import Ablation

MOST_BYTES = 32 << 20


def ablation_page(name: str, folder: Path) -> Page:
    """Return an ablation's page. Raises UsageError if its document cannot be read."""
    document = read(folder)
    try:
        main = [row for row in document["comparison"] if row["measure"] == document["measure"]]
        bars = [Bar(row["value"], row["difference"], row["low"], row["high"]) for row in main[1:]]
        effects = [
            Bar(f"{row['key']} {row['value']}", row["difference"], row["low"], row["high"]) for row in document["effects"]
        ]
        data: dict[str, Any] = {
            "name": name,
            "within": WITHIN,
            "document": document,
            "main": main,
            "chart": intervals(bars, f"differences from {document['values'][0]}", "arms"),
            "effects": intervals(effects, "main effects", "effects"),
            "columns": [
                "score",
                "win_rate",
                "path_optimality",
                "utility",
                "read_errors",
                "reason_errors",
                "act_errors",
                "tokens_per_decision",
                "latency_p50_ms",
                "latency_p95_ms",
                "memory_mb",
            ],
        }
        return Page("ablation.html", name, data, (("Runs", ()),))
    except FORMS as error:
        raise UsageError(f"{folder / DESIGN} is no ablation ({type(error).__name__}): make it anew") from error


def read(folder: Path) -> Ablation:
    """Return an ablation's document. Raises UsageError if it cannot be read."""
    try:
        found = json.loads(read_regular(folder / DESIGN, MOST_BYTES, follow=False))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{folder / DESIGN} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{folder / DESIGN} is no ablation: make it anew")
    return cast("Ablation", found)

"""The benchmark of language models as tables."""

from __future__ import annotations

from typing import Any, Final

from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.gate.tables import measured

MODELS: Final = {"smollm2": "SmolLM2-135M", "gemma": "Gemma-3-270M", "qwen": "Qwen2.5-Coder-1.5B"}
"""Section -> the model that it measures."""


def tables(document: dict[str, Any]) -> list[Table]:
    """Return a table for each question whose sections have been measured."""
    found = []
    if any(measured(document, section) for section in MODELS):
        found.append(validity(document))
    if measured(document, "runs"):
        found.append(runs(document["runs"]))
    if measured(document, "sharing"):
        found.append(sharing(document["sharing"]))
    return found


def validity(document: dict[str, Any]) -> Table:
    """Return which share of each model's replies passes the screen."""
    rows = []
    for section, model in MODELS.items():
        if not measured(document, section):
            continue
        for kind, row in document[section].items():
            stopped = ", ".join(f"{layer} {count}" for layer, count in row["stopped"].items())
            rows.append((model, kind, f"{row['passed']} of {row['asked']}", stopped, row["seconds_each"]))
    return grid(("model", "asked for", "passed the screen", "stopped at", "s each"), rows)


def runs(found: dict[str, Any]) -> Table:
    """Return what a search, a model and both brought to runs."""
    rows = []
    for who in ("search", "model", "both"):
        row = found[who]
        mean, low, high = row["gain"]
        bounds = f"{mean:+.1f}" if low is None else f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        passed = f"{row['passed']:g} of {row['asked']:g}"
        rows.append((who, bounds, passed, row["accepted"], row["tokens"], row["seconds_per_food_gained"]))
    return grid((f"{found['rounds']} rounds by", "foods gained", "passed", "accepted", "tokens", "s per food"), rows)


def sharing(found: dict[str, Any]) -> Table:
    """Return how calls went to proposers of known worth."""
    rows = [
        (case, "" if row["best_has_most_calls"] is None else f"{row['best_has_most_calls']:.0%}", f"{row['share_of_best']:.0%}")
        for case, row in found.items()
    ]
    return grid(("the bandit", "the best has most calls", "share of its calls"), rows)

"""The benchmark of language models as tables."""

from __future__ import annotations

from typing import Any, Final

from rich.table import Table

from ouroloop.bench.agents.runs import GROUPS
from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.gate.tables import measured

MODELS: Final = {"smollm2": "SmolLM2-135M", "gemma": "Gemma-3-270M", "qwen": "Qwen2.5-Coder-1.5B"}
"""How a section's name begins -> the model that it measures."""


def tables(document: dict[str, Any]) -> list[Table]:
    """Return a table for each question whose sections have been measured."""
    found = []
    if _validities(document):
        found.append(validity(document))
    found += [runs(document[group]) for group in GROUPS if measured(document, group)]
    if measured(document, "bandit"):
        found.append(bandit(document["bandit"]["bandit"]))
    if measured(document, "sharing"):
        found.append(sharing(document["sharing"]))
    return found


def validity(document: dict[str, Any]) -> Table:
    """Return which share of each model's replies passes the screen."""
    rows = []
    for section in _validities(document):
        short, _, kind = section.partition("-")
        row = document[section]
        stopped = ", ".join(f"{layer} {count}" for layer, count in row["stopped"].items())
        passed, own = f"{row['passed']} of {row['asked']}", f"{row['different']}, {row['copies']}"
        rows.append((MODELS[short], kind, passed, own, stopped, row["seconds_each"]))
    return grid(("model", "asked for", "passed the screen", "different, copies", "stopped at", "s each"), rows)


def _validities(document: dict[str, Any]) -> list[str]:
    names = (f"{short}-{kind}" for short in MODELS for kind in ("patch", "reward"))
    return [name for name in names if measured(document, name)]


def runs(group: dict[str, Any]) -> Table:
    """Return what each arm of a group brought."""
    rows = []
    for name, row in group.items():
        mean, low, high = row["gain"]
        bounds = f"{mean:+.1f}" if low is None else f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        passed = f"{row['passed']:g} of {row['asked']:g}"
        rows.append((name, bounds, passed, row["accepted"], row["games"], row["tokens"], row["tokens_per_food_gained"]))
    return grid(("runs by", "foods gained", "passed", "accepted", "games", "tokens", "tokens per food"), rows)


def bandit(found: dict[str, Any]) -> Table:
    """Return what each proposer brought in the bandit's runs, all runs together."""
    rows: dict[str, list[float]] = {}
    for one in (one for run in found["proposers"] for one in run):
        sums = rows.setdefault(one["role"], [0.0] * 4)
        for place, key in enumerate(("asked", "accepted", "gain", "seconds")):
            sums[place] += one[key]
    told = []
    for role, (asked, accepted, gain, seconds) in rows.items():
        rate = f"{1000 * gain / seconds:.2f}" if seconds else ""
        told.append((role, f"{asked:g}", f"{accepted:g}", f"{gain:+.3f}", rate))
    return grid(("the bandit's proposer", "asked", "accepted", "utility gained", "per 1000 s"), told)


def sharing(found: dict[str, Any]) -> Table:
    """Return how calls went to proposers of known worth."""
    rows = [
        (case, "" if row["best_has_most_calls"] is None else f"{row['best_has_most_calls']:.0%}", f"{row['share_of_best']:.0%}")
        for case, row in found.items()
    ]
    return grid(("the bandit", "the best has most calls", "share of its calls"), rows)

"""The gate's benchmark as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.gate.report.verdicts import defaults, mixed, nulls, optimum, power, races, real_power


def tables(document: dict[str, Any]) -> list[Table]:
    """Return a table for each question whose sections have been measured."""
    parts: tuple[tuple[Callable[[dict[str, Any]], Table], tuple[str, ...]], ...] = (
        (nulls, ("nulls",)),
        (power, ("power",)),
        (defaults, ("power",)),
        (optimum, ("power",)),
        (real_power, ("power",)),
        (races, ("races",)),
        (mixed, ("races",)),
        (screen, ("screen",)),
        (attribution, ("attribution", "credit")),
        (rollback, ("rollback",)),
        (cost, ("cost",)),
        (coverage, ("coverage",)),
    )
    return [part(document) for part, sections in parts if measured(document, *sections)]


def measured(document: dict[str, Any], *sections: str) -> bool:
    """Tell whether a document holds the figures of some sections."""
    return all(name in document and "missing" not in document[name] for name in sections)


def screen(document: dict[str, Any]) -> Table:
    """Return how well the bank orders controllers, which it rejects against each incumbent, and how fast."""
    names = ("A* screen on", "controllers", "rank correlation", "95 %", "pairs rejected", "of the best quarter", "ms (worst)")
    rows = []
    for size, row in document["screen"]["boards"].items():
        times = ", ".join(f"{box} {ms['median']:g} ({ms['max']:g})" for box, ms in row["ms"].items())
        bounds = f"{row['spearman_low']:g} .. {row['spearman_high']:g}"
        any_ = row["any_incumbent"]
        rejected = (f"{any_['rejected']} of {any_['pairs']}", any_["best"])
        rows.append((f"{size} x {size}", row["controllers"], row["spearman"], bounds, *rejected, times))
    return grid(names, rows)


def attribution(document: dict[str, Any]) -> Table:
    """Return bias and coverage, the worst over effects, and which part the runs credited."""
    found, credit = document["attribution"], document["credit"]
    rows: list[Sequence[object]] = []
    for part, before in (("rows", ""), ("limits", "beyond its limits: ")):
        cases: dict[str, list[dict[str, Any]]] = {}
        for row in found[part]:
            cases.setdefault(row["case"], []).append(row)
        for case, own in cases.items():
            covered = [row["coverage"] for row in own if row["width"] > 0]
            bias = max((abs(row["bias"]) for row in own if row["truth"] != 0), default=0.0)
            coverage = f"{min(covered):.1%} .. {max(covered):.1%}"
            rows.append((before + case, "" if before else f"{bias:.2%}", coverage))
    owners = ", ".join(f"{owner}: {count}" for owner, count in credit["owners"].items())
    named = f"patch named in {credit['patch_named']} of {credit['accepted']} runs"
    rows.append(("a good patch with a bad reward", named, owners))
    return grid(("attribution", "bias / effect", "coverage of 95 % intervals"), rows)


def rollback(document: dict[str, Any]) -> Table:
    """Return the outcomes of planted patches, and of states that are all equal."""
    found = document["rollback"]
    names = ("planted, costs", "runs", "found in 3 rounds", "after 1, 2, 3", "exact", "later kept", "later gone", "needless")
    keys = ("workspace_exact", "later_patches_kept", "later_patches_gone_with_it", "rolled_back_without_need")
    rows: list[Sequence[object]] = []
    for loss, row in found["by_cost"].items():
        after = ", ".join(str(count) for count in row["found_after_rounds"].values())
        rows.append((loss, row["planted"], row["found"], after, *(row[key] for key in keys)))
    equal = found["equal_states"]
    label = f"none: {equal['states']} equal states, {equal['rounds']} rounds"
    rows.append((label, equal["runs"], "", "", "", "", "", equal["states_rolled_back"]))
    return grid(names, rows)


def cost(document: dict[str, Any]) -> Table:
    """Return what a decision costs."""
    found = document["cost"]
    rows = [
        (f"games (median of {found['pairs_median']:g} pairs)", found["games_ms_median"]),
        ("all else, median", found["beyond_ms_median"]),
        *((f"all else, {verdict}", ms) for verdict, ms in found["beyond_ms_by_verdict"].items()),
        ("all else, worst", found["beyond_ms_worst"]),
    ]
    return grid(("a decision on 10x10, CPU ms", "value"), rows)


def coverage(document: dict[str, Any]) -> Table:
    """Return cover and width of score intervals, the worst and the mean over the ways to lose."""
    found = document["coverage"]
    cases: dict[tuple[int, float], list[dict[str, Any]]] = {}
    for row in found["rows"]:
        cases.setdefault((row["games"], row["filled"]), []).append(row)
    rows = []
    for (games, filled), own in cases.items():
        parts = [min(row["cover"] for row in own), min(row["cover_bootstrap"] for row in own)]
        widths = [sum(row[key] for row in own) / len(own) for key in ("width", "width_bootstrap")]
        rows.append((games, f"{filled:.1%}", *(f"{part:.1%}" for part in parts), *(f"{width:.2f}" for width in widths)))
    names = ("games", "boards filled", "least cover", "the bootstrap's", f"width, of {found['best']}", "the bootstrap's")
    return grid(names, rows, "95 % intervals of the mean score, by where the other games end")

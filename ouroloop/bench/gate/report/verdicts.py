"""The gate's decisions as tables: nulls, true gains, defaults, races."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from ouroloop.bench.gate.report.grid import grid


def nulls(document: dict[str, Any]) -> Table:
    """Return how many runs, of candidates that are no better, accepted any."""
    found = document["nulls"]
    names = ("runs that accept any null", "runs", "gate", "at most (95 %)", "t-test at its levels", "p < 0.05", "higher mean")
    keys = ("accepting_by_t_test_at_the_same_levels", "accepting_by_t_test")
    rows: list[Sequence[object]] = []
    for rule, all_ in found["simulated"].items():
        figures = (all_["runs"], all_["runs_accepting"], f"{all_['upper_95']:.2%}")
        others = (*(all_[f"runs_{key}"] for key in keys), all_["runs_accepting_by_mean"])
        rows.append((f"{rule}, {found['candidates']} candidates", *figures, *others))
        for kind, part in all_["by_kind"].items():
            rows.append((f"  {kind}", part["runs"], part["accepting"], f"{part['upper_95']:.2%}", *(part[k] for k in keys), ""))
    real, control = found["real"], found["control"]
    label = f"real games, {real['candidates']} no-op or worse patches"
    rows.append((label, real["runs"], real["runs_accepting"], f"{real['upper_95']:.2%}"))
    rows.append((f"control: a gate of {control['budget']} times the budget", control["runs"], control["runs_accepting"]))
    return grid(names, rows)


def power(document: dict[str, Any]) -> Table:
    """Return games and power beside the fixed-size t-test, and beside the best possible test."""
    found = document["power"]
    names = ("spread", "power", "pairs", "t-test's", "ratio", "Wald's ratio", "two-sided t-test's", "pairs until -0.1 is gone")
    keys = ("spread", "power", "pairs", "t_test_pairs", "ratio", "wald_ratio", "t_test_pairs_two_sided")
    pairs = zip(found["by_spread"], found["worse_by_0.1"], strict=True)
    title = f"a true gain of {found['gain']:g} at alpha {found['alpha']:g}, beside a t-test of equal error and power"
    return grid(names, ((*(row[key] for key in keys), lost["pairs"]) for row, lost in pairs), title)


def defaults(document: dict[str, Any]) -> Table:
    """Return what a recipe's default number of games finds, by spread, level and true gain."""
    rows = document["power"]["defaults"]
    cases: dict[str, list[str]] = {}
    for row in rows:
        label = f"spread {row['spread']:g}, level {row['level']:g}"
        cases.setdefault(label, []).append(f"{row['power']:.1%}, {row['pairs']:g} pairs")
    gains = (f"gain {gain:g}" for gain in sorted({row["gain"] for row in rows}))
    return grid(("default number of games", *gains), ((label, *found) for label, found in cases.items()))


def optimum(document: dict[str, Any]) -> Table:
    """Return power beside the largest that any test of the same level and size can have."""
    rows = document["power"]["optimum"]
    names = ("spread", "true gain", "power", "with a last look", "the optimum", "mean pairs")
    keys = ("spread", "gain", "power", "power_last_look", "optimum", "pairs")
    title = f"at level {rows[0]['level']:g} and at most {rows[0]['games']} pairs, beside the best test of this level"
    return grid(names, ([row[key] for key in keys] for row in rows), title)


def real_power(document: dict[str, Any]) -> Table:
    """Return the same for players of real games."""
    names = ("real players on", "true gain", "spread", "power", "pairs", "t-test's", "ratio")
    keys = ("gain", "spread", "power", "pairs", "t_test_pairs", "ratio")
    return grid(names, ((f"{n} x {n}", *(row[key] for key in keys)) for n, row in document["power"]["real"].items()))


def races(document: dict[str, Any]) -> Table:
    """Return who wins a race of eight, and what the race costs."""
    found = document["races"]
    names = ("races of eight with true gains of", *found["won_by_gain"], "games of a race", "of separate tests")
    games = (found["games"], found["games_of_separate_tests"])
    return grid(names, [(f"winners of {found['races']}", *found["won_by_gain"].values(), *games)])


def mixed(document: dict[str, Any]) -> Table:
    """Return false discoveries and power when half of the candidates are better."""
    names = ("runs of good and useless ones", "false discovery rate", "runs accepting a useless one", "good ones accepted")
    rows = []
    for rule, row in document["races"]["mixed"].items():
        useless = f"{row['runs_accepting_useless']} of {row['runs']}"
        rates = (f"{row['false_discovery_rate']:.2%}", useless, f"{row['good_accepted']:.1%}")
        rows.append((f"{rule}, {row['tests']} races", *rates))
    return grid(names, rows)

"""`ouroloop bench gate`: what is accepted, what is rolled back, what is credited with the gain, and what a decision costs."""

from __future__ import annotations

import os
from typing import Any, Final

from ouroloop.bench.gate import attribution as gate_attribution
from ouroloop.bench.gate import coverage as gate_coverage
from ouroloop.bench.gate import null as gate_null
from ouroloop.bench.gate import power as gate_power
from ouroloop.bench.gate import races as gate_races
from ouroloop.bench.gate import rollback as gate_rollback
from ouroloop.bench.gate import runs as gate_runs
from ouroloop.bench.gate import screen as gate_screen
from ouroloop.bench.sections import Section
from ouroloop.bench.timing import Report


def _workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def nulls(report: Report, seed: int) -> dict[str, Any]:
    """Let runs race candidates that are no better."""
    return gate_null.measure(report, seed=seed, workers=_workers())


def power(report: Report, seed: int) -> dict[str, Any]:
    """Let candidates of known gains race, beside t-tests and the optimum."""
    return gate_power.measure(report, seed=seed, workers=_workers())


def races(report: Report, seed: int) -> dict[str, Any]:
    """Let several candidates race at once, and runs race many times."""
    return gate_races.measure(report, seed=seed, workers=_workers())


def screen(report: Report, seed: int) -> dict[str, Any]:
    """Compare the order of the A* bank with true utilities."""
    return gate_screen.measure(report, seed=seed)


def attribution(report: Report, seed: int) -> dict[str, Any]:
    """Compare attributed effects and their intervals with true ones."""
    return gate_attribution.measure(report, seed=seed)


def credit(report: Report, seed: int) -> dict[str, Any]:
    """Let a good patch come with a bad reward."""
    return gate_runs.credit(report, seed=seed, workers=_workers())


def rollback(report: Report, seed: int) -> dict[str, Any]:
    """Plant patches that turn bad once they are in."""
    return gate_rollback.measure(report, seed=seed, workers=_workers())


def cost(report: Report, seed: int) -> dict[str, Any]:
    """Time decisions."""
    return gate_runs.decision_cost(report, seed=seed)


def coverage(report: Report, seed: int) -> dict[str, Any]:
    """Count how often score intervals hold."""
    return gate_coverage.measure(report, seed=seed)


SECTIONS: Final[dict[str, Section]] = {
    "nulls": nulls,
    "power": power,
    "races": races,
    "screen": screen,
    "attribution": attribution,
    "credit": credit,
    "rollback": rollback,
    "cost": cost,
    "coverage": coverage,
}
"""Sections by name, in the order of the document."""

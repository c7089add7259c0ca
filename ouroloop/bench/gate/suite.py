"""`ouroloop bench gate`: what is accepted, what is rolled back, what is credited with the gain, and what a decision costs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from ouroloop.bench.gate import attribution as gate_attribution
from ouroloop.bench.gate import coverage as gate_coverage
from ouroloop.bench.gate import null as gate_null
from ouroloop.bench.gate import power as gate_power
from ouroloop.bench.gate import races as gate_races
from ouroloop.bench.gate import rollback as gate_rollback
from ouroloop.bench.gate import runs as gate_runs
from ouroloop.bench.gate import screen as gate_screen
from ouroloop.bench.timing import Report, machine

PARTS: Final = 9


def measure(peers: Path, count: int, seconds: float, report: Report, seed: int = 0) -> dict[str, Any]:
    """Return the document, in about twenty minutes on two cores; another seed draws everything anew.

    Args:
        peers: unused.
        count: unused.
        seconds: unused.
        report: called with the progress.
        seed: of every simulation, run and bank.
    """
    workers = os.cpu_count() or 1

    def part(number: int) -> Report:
        return lambda what, fraction: report(f"{number + 1}/{PARTS} {what}", (number + fraction) / PARTS)

    return {
        "seed": seed,
        "nulls": gate_null.measure(part(0), seed=seed, workers=workers),
        "power": gate_power.measure(part(1), seed=seed, workers=workers),
        "races": gate_races.measure(part(2), seed=seed, workers=workers),
        "screen": gate_screen.measure(part(3), seed=seed),
        "attribution": gate_attribution.measure(part(4), seed=seed),
        "credit": gate_runs.credit(part(5), seed=seed, workers=workers),
        "rollback": gate_rollback.measure(part(6), seed=seed, workers=workers),
        "cost": gate_runs.decision_cost(part(7), seed=seed),
        "coverage": gate_coverage.measure(part(8), seed=seed),
        "machine": machine(),
    }

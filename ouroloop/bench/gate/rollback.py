"""Are wrongly accepted patches rolled back? Runs with a planted patch that is good on the gate's seeds and bad elsewhere."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import numpy as np

from ouroloop.bench.gate.planted import EQUAL_ROUNDS, EQUAL_STATES, LATER, ROUNDS, RUNS, Found, equal_run, planted_run
from ouroloop.bench.timing import Report, significant

HEADLINE: Final = 0.15


def measure(report: Report, *, seed: int, workers: int) -> dict[str, Any]:
    """Return how many planted patches were found, how soon, and whether the workspace was correct afterwards."""
    document: dict[str, Any] = {"rounds": ROUNDS, "by_cost": {}}
    with ProcessPoolExecutor(workers) as pool:
        for index, cost in enumerate(LATER):
            runs = RUNS if cost == HEADLINE else RUNS // 2
            seeds = [seed * RUNS + i for i in range(runs)]
            found = []
            for i, one in enumerate(pool.map(planted_run, seeds, [cost] * runs)):
                found.append(one)
                report(f"planted patches that cost {cost:g}", (index + i / runs) / (1 + len(LATER)))
            document["by_cost"][f"{cost:g}"] = _summary(found)
        equal = list(pool.map(equal_run, range(seed * RUNS, (seed + 1) * RUNS)))
    document["equal_states"] = {
        "runs": RUNS,
        "states": EQUAL_STATES,
        "rounds": EQUAL_ROUNDS,
        "runs_rolling_back": sum(n > 0 for n in equal),
        "states_rolled_back": sum(equal),
    }
    return document


def _summary(found: list[Found]) -> dict[str, Any]:
    planted = [f for f in found if f.accepted]
    rounds = [f.rounds for f in planted if f.rounds is not None]
    return {
        "planted": len(planted),
        "found": len(rounds),
        "found_after_rounds": {str(n): rounds.count(n) for n in range(1, ROUNDS + 1)},
        "mean_rounds": significant(float(np.mean(rounds)), 3) if rounds else None,
        "workspace_exact": sum(f.exact for f in planted),
        "later_patches_kept": sum(f.kept for f in planted),
        "later_patches_gone_with_it": sum(f.chained for f in planted),
        "rolled_back_without_need": sum(f.others for f in planted),
    }

"""Which part is credited when a good patch and a bad reward come together, and what a decision costs."""

from __future__ import annotations

import os
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

from ouroloop.bench.gate.arena import Arena, arena, controller, propose, propose_both
from ouroloop.bench.timing import Report, significant
from ouroloop.ledger.steps import attribute as steps
from ouroloop.runs.phases.attribute import attribute
from ouroloop.runs.phases.gate import gate

PAIRS: Final = 100
"""Runs in which a good patch and a bad reward arrive as one candidate."""
DECISIONS: Final = 40
SIZE: Final = 10
START: Final = {"SLIPS": 150, "STUMBLES": 100, "LAPSES": 100}
BAD_WEIGHTS: Final = 60
"""Moves in a thousand that are random because of the weights that the bad reward made."""


def named(seed: int) -> tuple[bool, str]:
    """Test a candidate whose patch is good and whose reward is bad; return whether it was accepted, and who is credited."""
    with tempfile.TemporaryDirectory() as scratch, arena(Path(scratch) / "run", controller(**START), seed=seed) as run:
        candidate = propose_both(run, 0, controller(**{**START, "SLIPS": 0}), BAD_WEIGHTS)
        gate(run, 0)
        if run.verdict(0, candidate).outcome != "accepted":
            return False, ""
        attribute(run, 0)
        return True, run.result(steps.attribute(0)).round.owner


def credit(report: Report, *, seed: int, workers: int) -> dict[str, Any]:
    """Return how often the patch, and only the patch, is credited with the gain."""
    owners: dict[str, int] = {}
    with ProcessPoolExecutor(workers) as pool:
        for i, (accepted, owner) in enumerate(pool.map(named, range(seed * PAIRS, (seed + 1) * PAIRS))):
            report("a good patch with a bad reward", i / PAIRS)
            if accepted:
                owners[owner] = owners.get(owner, 0) + 1
    accepted_runs = sum(owners.values())
    return {
        "runs": PAIRS,
        "accepted": accepted_runs,
        "patch_named": sum(count for owner, count in owners.items() if owner.split(";")[0] == "code"),
        "owners": owners,
    }


def decision_cost(report: Report, *, seed: int) -> dict[str, Any]:
    """Return CPU milliseconds of one candidate's decision on 10x10, games and the rest; child processes (git) count too.

    A decision takes a candidate from the bank's order to its verdict, and, if it is accepted, to its commit.
    """
    games_ms: list[float] = []
    beyond_ms: dict[str, list[float]] = {"accepted": [], "rejected": []}
    pairs: list[int] = []
    for index in range(DECISIONS):
        report("what a decision costs", index / DECISIONS)
        source = controller(SLIPS=150 + (-60, 0, 15, 60)[index % 4], salt=index)
        with tempfile.TemporaryDirectory() as scratch:
            where = Path(scratch) / "run"
            with arena(where, controller(SLIPS=150), seed=seed * DECISIONS + index, size=SIZE) as run:
                (candidate,) = propose(run, 0, [source])
                before = _cpu_s()
                gate(run, 0)
                used = _cpu_s() - before
                verdict = run.verdict(0, candidate)
                played = cast(Arena, run.players).games_s
        if index < 4:
            continue  # the first of each also compiles and imports
        games_ms.append(1e3 * played)
        beyond_ms[verdict.outcome].append(1e3 * (used - played))
        pairs.append(verdict.effect.games if verdict.effect else 0)
    every = [*beyond_ms["accepted"], *beyond_ms["rejected"]]
    return {
        "decisions": len(every),
        "pairs_median": statistics.median(pairs),
        "games_ms_median": significant(statistics.median(games_ms)),
        "beyond_ms_median": significant(statistics.median(every)),
        "beyond_ms_worst": significant(max(every)),
        "beyond_ms_by_verdict": {name: significant(statistics.median(ms)) for name, ms in beyond_ms.items() if ms},
    }


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of its finished children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system

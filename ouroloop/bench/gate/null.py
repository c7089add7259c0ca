"""Do candidates get in that are no better than the incumbent? Whole runs of them, simulated and with real games."""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.gate.arena import arena, controller, propose
from ouroloop.bench.gate.laws.nulls import KINDS
from ouroloop.bench.gate.simulated import raced
from ouroloop.bench.timing import Report, significant
from ouroloop.envs.intervals import share_interval
from ouroloop.gate.spending import RULES, spending
from ouroloop.gate.ttest import paired_t
from ouroloop.protocols.records import Spent
from ouroloop.runs.phases.gate import gate
from ouroloop.runs.recipe import GateSettings

RUNS: Final = 1300
CANDIDATES: Final = 50
FIELD: Final = 5
"""Candidates in one race."""
REAL_RUNS: Final = 200
REAL_CANDIDATES: Final = 20
LAST_LOOK: Final = "series with a last look"
"""The third way to run, beside the spending rules."""
CONTROL: Final = 20
"""How many times its error budget the gate has in the control: a benchmark that misses a broken gate proves nothing."""
CONTROL_RUNS: Final = 200


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of null candidates accepted: the gate, t-tests at p < 0.05 and at the gate's levels, the higher mean.

    The t-tests and means use 100 games; `pairs` are the pairs that the gate played.
    """

    gate: bool
    t_test: bool
    t_test_same_levels: bool
    mean: bool
    pairs: int


def simulated_run(kind: str, rule: str, seed: int, budget: float = 1.0, *, last_look: bool = False) -> Run:
    """Play one run of null candidates.

    An `adaptive` run takes its next candidates from the kind whose e-value came closest to acceptance, or from another one at
    random, because a proposer learns from what it sees.

    Args:
        kind: one of `KINDS`, or `adaptive`.
        rule: one of `RULES`.
        seed: of everything in the run.
        budget: factor on the default error budget.
        last_look: whether undecided candidates get one.
    """
    rng, settings = np.random.default_rng(seed), GateSettings()
    rules = spending(rule, settings.alpha * budget)
    names = list(KINDS)
    best = (names[rng.integers(len(names))], -np.inf)
    history: list[Spent] = []
    accepts, pairs = np.zeros(4, bool), 0
    for _ in range(CANDIDATES // FIELD):
        chosen = kind if kind in KINDS else (best[0] if rng.random() < 0.5 else names[rng.integers(len(names))])
        incumbent, field = KINDS[chosen](rng, FIELD, settings.games)
        level = min(1.0, rules.level(history))
        found = raced(incumbent, field, level, last_look=rng if last_look else None)
        history.append(Spent(level, any(judged.accepted for judged in found)))
        for judged, mine in zip(found, field, strict=True):
            test = paired_t(mine - incumbent)
            p = test.p if test is not None else 1.0
            accepts |= (judged.accepted, p < 0.05, p < level / FIELD, float((mine - incumbent)[:100].mean()) > 0)
            pairs += len(judged.differences)
            best = max(best, (chosen, judged.e_value * judged.alpha), key=lambda pair: pair[1])
    return Run(bool(accepts[0]), bool(accepts[1]), bool(accepts[2]), bool(accepts[3]), pairs)


def real_run(seed: int) -> tuple[int, int, int]:
    """Play one run of no-op and worse patches with real games; return accepted candidates, t-test acceptances, and pairs.

    A no-op plays like the incumbent but errs at other moments; the other patches err a little more often.
    """
    rng = np.random.default_rng(seed)
    slips = int(rng.choice([50, 100, 200, 300]))
    accepted = t_accepted = pairs = 0
    with tempfile.TemporaryDirectory() as scratch, arena(Path(scratch) / "run", controller(SLIPS=slips), seed=seed) as run:
        for round in range(REAL_CANDIDATES // FIELD):
            more = rng.choice([0, 0, 5, 20, 50], FIELD)
            salts = rng.integers(1, 2**31, FIELD)
            propose(run, round, [controller(salt=int(s), SLIPS=slips + int(m)) for s, m in zip(salts, more, strict=True)])
            gate(run, round)
            for candidate in run.candidates(round):
                verdict = run.verdict(round, candidate)
                accepted += verdict.outcome == "accepted"
                t_accepted += verdict.t_test is not None and verdict.t_test.p < 0.05
                pairs += verdict.effect.games if verdict.effect else 0
    return accepted, t_accepted, pairs


def measure(report: Report, *, seed: int, workers: int) -> dict[str, Any]:
    """Return how many runs accepted anything, by kind of null and by spending rule, simulated and real."""
    kinds = [*KINDS, "adaptive"]
    document: dict[str, Any] = {"candidates": CANDIDATES, "alpha": GateSettings().alpha, "simulated": {}}
    with ProcessPoolExecutor(workers) as pool:
        for rule in RULES:
            jobs = [(kinds[i % len(kinds)], rule, seed * RUNS + i) for i in range(RUNS)]
            rows = []
            for i, row in enumerate(pool.map(_simulated, jobs, chunksize=8)):
                rows.append(row)
                report(f"null runs, {rule}", 0.7 * i / RUNS)
            document["simulated"][rule] = _summary(kinds, rows)
        jobs = [(kinds[i % len(kinds)], LAST_LOOK, seed * RUNS + i) for i in range(RUNS)]
        document["simulated"][LAST_LOOK] = _summary(kinds, list(pool.map(_simulated, jobs, chunksize=8)))
        control = pool.map(_controlled, range(seed * CONTROL_RUNS, (seed + 1) * CONTROL_RUNS), chunksize=8)
        document["control"] = {"budget": CONTROL, "runs": CONTROL_RUNS, "runs_accepting": sum(run.gate for run in control)}
        real = []
        for i, row_ in enumerate(pool.map(real_run, range(seed * REAL_RUNS, (seed + 1) * REAL_RUNS), chunksize=4)):
            real.append(row_)
            report("null runs with real games", 0.7 + 0.3 * i / REAL_RUNS)
    accepting = sum(row[0] > 0 for row in real)
    document["real"] = {
        "runs": REAL_RUNS,
        "candidates": REAL_CANDIDATES,
        "runs_accepting": accepting,
        "upper_95": upper_95(accepting, REAL_RUNS),
        "pairs": sum(row[2] for row in real),
        "candidates_with_t_test_p_under_0.05": sum(row[1] for row in real),
    }
    return document


def _simulated(job: tuple[str, str, int]) -> Run:
    kind, rule, seed = job
    last_look = rule == LAST_LOOK
    return simulated_run(kind, "series" if last_look else rule, seed, last_look=last_look)


def _controlled(seed: int) -> Run:
    return simulated_run("all_or_nothing", "series", seed, CONTROL)


def _summary(kinds: list[str], rows: list[Run]) -> dict[str, Any]:
    by_kind = {kind: rows[i :: len(kinds)] for i, kind in enumerate(kinds)}
    accepting = sum(row.gate for row in rows)
    return {
        "runs": len(rows),
        "runs_accepting": accepting,
        "upper_95": upper_95(accepting, len(rows)),
        "runs_accepting_by_t_test": sum(row.t_test for row in rows),
        "runs_accepting_by_t_test_at_the_same_levels": sum(row.t_test_same_levels for row in rows),
        "runs_accepting_by_mean": sum(row.mean for row in rows),
        "pairs_per_candidate": significant(sum(row.pairs for row in rows) / len(rows) / CANDIDATES),
        "by_kind": {
            kind: {
                "runs": len(found),
                "accepting": sum(row.gate for row in found),
                "upper_95": upper_95(sum(row.gate for row in found), len(found)),
                "accepting_by_t_test": sum(row.t_test for row in found),
                "accepting_by_t_test_at_the_same_levels": sum(row.t_test_same_levels for row in found),
            }
            for kind, found in by_kind.items()
        },
    }


def upper_95(successes: int, trials: int) -> float:
    """Return the one-sided 95 % upper bound on a rate: the upper end of its 90 % interval."""
    return significant(share_interval(successes, trials, level=0.9)[1], 3)

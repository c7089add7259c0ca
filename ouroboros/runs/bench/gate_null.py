"""Do candidates that are no better get in? Whole runs of them, simulated and with real games."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroboros.protocols.records import Spent
from ouroboros.runs.bench.arena import arena, controller, propose
from ouroboros.runs.bench.timing import Report, significant
from ouroboros.runs.gate.race import Played, RaceRules, race
from ouroboros.runs.gate.spending import RULES, spending
from ouroboros.runs.gate.ttest import paired_t
from ouroboros.runs.phases.gate import gate
from ouroboros.runs.recipe import GateSettings

Floats = NDArray[np.float64]
RUNS: Final = 1000
CANDIDATES: Final = 50
FIELD: Final = 5
"""Candidates that race at once."""
REAL_RUNS: Final = 200
REAL_CANDIDATES: Final = 20


def same_player(rng: np.random.Generator, field: int, games: int) -> tuple[Floats, Floats]:
    """The incumbent itself, other luck."""
    return rng.beta(2, 2, games), rng.beta(2, 2, (field, games))


def heavy_tails(rng: np.random.Generator, field: int, games: int) -> tuple[Floats, Floats]:
    """Slightly better nearly always, lost now and then: 0.62 in 97 of 100 games and 0 in 3, against 0.6014 always."""
    return np.full(games, 0.97 * 0.62), np.where(rng.random((field, games)) < 0.03, 0.0, 0.62)


def ties(rng: np.random.Generator, field: int, games: int) -> tuple[Floats, Floats]:
    """The same in nine games of ten, else up or down by as much."""
    incumbent = np.full(games, 0.5)
    return incumbent, incumbent + np.where(rng.random((field, games)) < 0.9, 0.0, rng.choice([-0.5, 0.5], (field, games)))


def correlated_seeds(rng: np.random.Generator, field: int, games: int) -> tuple[Floats, Floats]:
    """Hard and easy seeds, for all players alike, and candidates that share half of their luck."""
    hard, shared = rng.beta(1, 1, games), rng.uniform(-0.2, 0.2, games)
    own = rng.uniform(-0.2, 0.2, (field, games))
    return 0.3 + 0.4 * hard + rng.uniform(-0.2, 0.2, games), 0.3 + 0.4 * hard + 0.5 * (shared + own)


def worse(rng: np.random.Generator, field: int, games: int) -> tuple[Floats, Floats]:
    """Worse by 0.02, with wide luck."""
    return rng.beta(2, 2, games), 0.96 * rng.beta(2, 2, (field, games))


KINDS: Final = {kind.__name__: kind for kind in (same_player, heavy_tails, ties, correlated_seeds, worse)}


def simulated_run(kind: str, rule: str, seed: int) -> tuple[bool, bool, bool, int]:
    """Play one run of null candidates; return who accepted any, and the pairs that the gate played.

    Asked are the gate, a t-test (p < 0.05) and the plain comparison of means, the last two over 100 games. After each race an
    `adaptive` run takes its next candidates from the kind whose e-value came closest to acceptance, or from another one at
    random: whoever proposes learns from what it sees.
    """
    rng, settings, rules = np.random.default_rng(seed), GateSettings(), spending(rule, GateSettings().alpha)
    limits = RaceRules(settings.games, settings.batch, settings.gain, settings.beta)
    names = list(KINDS)
    best = (names[rng.integers(len(names))], -np.inf)
    history: list[Spent] = []
    gate_accepts = t_accepts = mean_accepts = False
    pairs = 0
    for first in range(0, CANDIDATES, FIELD):
        chosen = kind if kind in KINDS else (best[0] if rng.random() < 0.5 else names[rng.integers(len(names))])
        incumbent, field = KINDS[chosen](rng, FIELD, settings.games)
        level = rules.level(history)
        found = race(_from(incumbent, field, first), {str(first + i): level / FIELD for i in range(FIELD)}, limits)
        history.append(Spent(level, any(judged.accepted for judged in found.values())))
        for i, judged in enumerate(found.values()):
            gate_accepts |= judged.accepted
            pairs += len(judged.differences)
            best = max(best, (chosen, judged.e_value * judged.alpha), key=lambda pair: pair[1])
            test = paired_t(field[i] - incumbent)
            t_accepts |= test is not None and test.p < 0.05
            mean_accepts |= float((field[i] - incumbent)[:100].mean()) > 0
    return gate_accepts, t_accepts, mean_accepts, pairs


def _from(incumbent: Floats, field: Floats, first: int) -> Callable[[Iterable[str], int, int], Played]:
    def play(names: Iterable[str], start: int, count: int) -> Played:
        games = slice(start, start + count)
        return Played(incumbent[games], {name: field[int(name) - first, games] for name in names})

    return play


def real_run(seed: int) -> tuple[int, int, int]:
    """Play one run of no-op and worse patches with real games; return accepted candidates, t-test acceptances, and pairs.

    A no-op is the same player that goes astray at other moments; the others go astray a little more often.
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
        real = []
        for i, row_ in enumerate(pool.map(real_run, range(seed * REAL_RUNS, (seed + 1) * REAL_RUNS), chunksize=4)):
            real.append(row_)
            report("null runs with real games", 0.7 + 0.3 * i / REAL_RUNS)
    accepting = sum(row[0] > 0 for row in real)
    document["real"] = {
        "runs": REAL_RUNS,
        "candidates": REAL_CANDIDATES,
        "runs_accepting": accepting,
        "upper_95": upper_bound(accepting, REAL_RUNS),
        "pairs": sum(row[2] for row in real),
        "candidates_with_t_test_p_under_0.05": sum(row[1] for row in real),
    }
    return document


def _simulated(job: tuple[str, str, int]) -> tuple[bool, bool, bool, int]:
    return simulated_run(*job)


def _summary(kinds: list[str], rows: list[tuple[bool, bool, bool, int]]) -> dict[str, Any]:
    by_kind = {kind: rows[i :: len(kinds)] for i, kind in enumerate(kinds)}
    accepting = sum(row[0] for row in rows)
    return {
        "runs": len(rows),
        "runs_accepting": accepting,
        "upper_95": upper_bound(accepting, len(rows)),
        "runs_accepting_by_t_test": sum(row[1] for row in rows),
        "runs_accepting_by_mean": sum(row[2] for row in rows),
        "pairs_per_candidate": significant(sum(row[3] for row in rows) / len(rows) / CANDIDATES),
        "by_kind": {
            kind: {"runs": len(found), "accepting": sum(r[0] for r in found), "accepting_by_t_test": sum(r[1] for r in found)}
            for kind, found in by_kind.items()
        },
    }


def upper_bound(successes: int, trials: int) -> float:
    """Return the one-sided 95 % upper bound on a rate (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    return 1.0 if successes == trials else significant(float(betaincinv(successes + 1, trials - successes, 0.95)), 3)

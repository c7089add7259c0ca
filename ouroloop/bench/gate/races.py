"""What racing saves, whether the best wins, and, among good and bad candidates, the share of the accepted that is no better."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import numpy as np

from ouroloop.bench.gate.simulated import field, raced
from ouroloop.bench.timing import Report, significant
from ouroloop.gate.spending import RULES, spending
from ouroloop.protocols.records import Spent
from ouroloop.runs.recipe import GateSettings

GAINS: Final = (-0.1, -0.05, 0.0, 0.0, 0.02, 0.05, 0.08, 0.12)
"""True gains of the candidates of a race."""
SPREAD: Final = 0.25
"""Standard deviation of a paired difference."""
RACES: Final = 200
RUNS: Final = 200
TESTS: Final = 30
"""Races in a run, with one candidate each."""
GOOD: Final = 0.08
"""True gain of the better half of a run's candidates; the other half is no better than the incumbent."""


def one_race(seed: int) -> tuple[int | None, int, int]:
    """Return the winner, and the games of the race and of separate tests of the same candidates at the same levels.

    The separate tests use the same seeds, so they too need the incumbent's games only once.
    """
    rng, games = np.random.default_rng(seed), GateSettings().games
    incumbent, mine = field(rng, GAINS, SPREAD, games)
    found = raced(incumbent, mine, 0.05)
    winner = next((i for i, judged in enumerate(found) if judged.accepted), None)
    lengths = [len(judged.differences) for judged in found]
    alone = [len(raced(incumbent, row[None], 0.05 / len(mine))[0].differences) for row in mine]
    return winner, sum(lengths) + max(lengths), sum(alone) + max(alone)


def one_run(rule: str, seed: int) -> tuple[int, int, int]:
    """Return how many good and how many useless candidates a run accepted, and how many good ones there were."""
    rng, rules = np.random.default_rng(seed), spending(rule, GateSettings().alpha)
    history: list[Spent] = []
    good = useless = there = 0
    for _ in range(TESTS):
        better = rng.random() < 0.5
        level = rules.level(history)
        (judged,) = raced(*field(rng, [GOOD if better else 0.0], SPREAD, GateSettings().games), level)
        history.append(Spent(level, judged.accepted))
        there += better
        good += judged.accepted and better
        useless += judged.accepted and not better
    return good, useless, there


def measure(report: Report, *, seed: int, workers: int) -> dict[str, Any]:
    """Return who wins races and what they cost, and false discoveries and power by spending rule."""
    with ProcessPoolExecutor(workers) as pool:
        races = []
        for i, one in enumerate(pool.map(one_race, range(seed * RACES, (seed + 1) * RACES), chunksize=8)):
            races.append(one)
            report("races of eight", 0.5 * i / RACES)
        mixed = {}
        for number, rule in enumerate(RULES):
            runs = []
            jobs = pool.map(one_run, [rule] * RUNS, range(seed * RUNS, (seed + 1) * RUNS), chunksize=8)
            for i, run in enumerate(jobs):
                runs.append(run)
                report(f"mixed runs, {rule}", 0.5 + 0.25 * (number + i / RUNS))
            mixed[rule] = _mixed(runs)
    winners = [GAINS[winner] for winner, _, _ in races if winner is not None]
    return {
        "gains": GAINS,
        "races": RACES,
        "won_by_gain": {f"{gain:g}": winners.count(gain) for gain in sorted(set(GAINS))},
        "games": significant(float(np.mean([games for _, games, _ in races]))),
        "games_of_separate_tests": significant(float(np.mean([games for _, _, games in races]))),
        "mixed": mixed,
    }


def _mixed(runs: list[tuple[int, int, int]]) -> dict[str, Any]:
    good, useless, there = (np.array(column) for column in zip(*runs, strict=True))
    return {
        "runs": len(runs),
        "tests": TESTS,
        "false_discovery_rate": significant(float((useless / np.maximum(1, good + useless)).mean()), 3),
        "runs_accepting_useless": int((useless > 0).sum()),
        "good_accepted": significant(float(good.sum() / there.sum()), 3),
    }

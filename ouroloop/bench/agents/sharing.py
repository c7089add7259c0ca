"""Does the bandit end with most calls where most gain per cost is? Proposers of known worth, simulated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.timing import significant
from ouroloop.runs.proposers.sharing import Arm, thompson

TRUTHS: Final[dict[str, list[tuple[float, float, float]]]] = {
    "a quick search": [(0.06, 0.05, 3.0), (0.01, 0.05, 9.0), (0.02, 0.05, 12.0), (0.25, 0.08, 60.0)],
    "a good model": [(0.06, 0.05, 3.0), (0.01, 0.05, 9.0), (0.02, 0.05, 12.0), (0.25, 0.2, 12.0)],
    "all alike": [(0.05, 0.05, 10.0)] * 4,
}
"""Who is worth most -> chance of acceptance, gain and seconds of a proposal of each of four proposers."""
RUNS: Final = 200
ROUNDS: Final = (10, 20, 40)
EACH: Final = 4
"""Proposals of each proposer in the first round; together they are a round's."""
USUAL: Final = 0.03


def measure(*, seed: int = 0, runs: int = RUNS) -> dict[str, Any]:
    """Return how often the best proposer got most calls, and what share of them, beside the even share."""
    document: dict[str, Any] = {}
    for index, (case, truth) in enumerate(TRUTHS.items()):
        worth = [chance * gain / cost for chance, gain, cost in truth]
        best = int(np.argmax(worth))
        for rounds in ROUNDS:
            each = [calls(truth, np.random.default_rng((seed, index, run)), rounds) for run in range(runs)]
            share = float(np.mean([found[best] / found.sum() for found in each]))
            most = float(np.mean([found.argmax() == best for found in each]))
            document[f"{case}, {rounds} rounds"] = {
                "best_has_most_calls": None if case == "all alike" else significant(most, 3),
                "share_of_best": significant(share, 3),
                "even_share": 1 / len(truth),
            }
    return document


def calls(truth: Sequence[tuple[float, float, float]], random: np.random.Generator, rounds: int) -> NDArray[np.int64]:
    """Return how many proposals each proposer was asked for after the first round."""
    found = [Arm(0, 0, 0.0, 0.0) for _ in truth]
    counts = (EACH,) * len(truth)
    total = np.zeros(len(truth), np.int64)
    for _ in range(rounds):
        for k, (count, (chance, gain, cost)) in enumerate(zip(counts, truth, strict=True)):
            hits, old = int(random.binomial(count, chance)), found[k]
            found[k] = Arm(old.asked + count, old.accepted + hits, old.gain + hits * gain, old.cost + count * cost)
        counts = thompson(random, found, EACH * len(truth), USUAL, [EACH * len(truth)] * len(truth))
        total += counts
    return total

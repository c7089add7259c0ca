"""`ouroloop bench gate`, the A* screen: does merit on the bank order controllers as their games do, and how fast?

The search patcher breeds controllers from good and bad parents alike, with no gate between generations, so that some of them
are bad. Each is scored on the bank in every available sandbox, by wall clock from `open` to the score. Its games are played in
this interpreter, which is safe because the patcher composes sources only of toolkit functions.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.bench.gate.screened import InProcess, WeakPolicy, breed
from ouroloop.bench.sandbox.starts import await_pool
from ouroloop.bench.sandbox.suite import installed
from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.gate.bank import HORIZON, Bank, Failures, build_bank
from ouroloop.gate.screen import Answers, View, answers, score_bank
from ouroloop.policy.play import play, play_traced
from ouroloop.protocols.seeds import derived_seed, game_seeds
from ouroloop.runs.recipe import GateSettings

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy, Sandbox

POSITIONS: Final = GateSettings().positions
"""Positions of the bank. More of them hardly order controllers better; the pursuits do."""
GAMES: Final = {6: 100, 10: 36}
"""Board -> games per controller, over which utility is averaged: the error is a tenth of the spread between controllers."""
RESAMPLES: Final = 1000
SETTLE_S: Final = 0.2
"""After this long, a pool of workers is full again, and filling it does not disturb the next measurement."""


def measure(report: Report, *, seed: int = 0) -> dict[str, Any]:
    """Return the document: rank correlation of merit and utility, rejections and milliseconds, per board.

    Args:
        report: called with the progress.
        seed: of controllers, policy, bank and games.
    """
    boxes, found = installed(), {}
    try:
        for index, size in enumerate(GAMES):
            found[str(size)] = board(size, seed, boxes, partial(part, report, index))
    finally:
        for box in boxes.values():
            box.close()
    return {"seed": seed, "boards": found, "machine": machine()}


def part(report: Report, index: int, text: str, fraction: float) -> None:
    """Report on the board with this index."""
    report(text, (index + fraction) / len(GAMES))


def board(size: int, seed: int, boxes: dict[str, Sandbox], report: Report) -> dict[str, Any]:
    """Return the figures of one board."""
    task = SnakeTask(size)
    policy = WeakPolicy(task, derived_seed(seed, "policy", size))
    report(f"{size}x{size}: bank", 0.0)
    bank = grown_bank(task, policy, derived_seed(seed, "bank", size))
    sources = breed(task, policy, bank, derived_seed(seed, "breed", size))
    report(f"{size}x{size}: sandboxes", 0.1)
    given, ms = {}, {}
    for name, box in boxes.items():
        given[name], ms[name] = timed(box, bank, policy, sources)
    first = next(iter(given.values()))
    report(f"{size}x{size}: games", 0.3)
    utility = utilities(size, seed, sources, report)
    return figures(bank, first[0], first[1:], utility) | {
        "games": GAMES[size],
        "positions": len(bank),
        "pursuits": bank.starts.games,
        "horizon": HORIZON,
        "ms": ms,
        "sandboxes_agree": all(same(first, other) for other in given.values()),
    }


def grown_bank(task: SnakeTask, policy: Policy, seed: int) -> Bank:
    """Return a bank with failures of the first controller."""
    seeds = np.array(game_seeds(seed, "search", 0, 16), np.uint64)
    trace = play_traced(task, policy, seeds, session=InProcess(task.start_controller))
    lost = [] if trace.failures is None or trace.failure_regret is None else [Failures(trace.failures, trace.failure_regret)]
    return build_bank(task, seed, POSITIONS, lost)


def timed(box: Sandbox, bank: Bank, policy: Policy, sources: list[str]) -> tuple[list[Answers], dict[str, float]]:
    """Return every controller's answers in a sandbox, and the milliseconds spent: in total, to start, and to answer.

    The policy's logits on the bank are computed once, since candidates share the policy.
    """
    view, out = View(bank.observations, policy.logits(bank.observations)), []
    whole, start = [], []
    for source in sources:
        await_pool(box)
        sleep(SETTLE_S)
        began = perf_counter()
        session = box.open(source)
        opened = perf_counter()
        out.append(answers(bank, view, policy, session))
        score_bank(bank, out[-1], out[0])
        whole.append(1e3 * (perf_counter() - began))
        start.append(1e3 * (opened - began))
        session.close()
    rest = [all_ - some for all_, some in zip(whole, start, strict=True)]
    return out, {
        "median": significant(statistics.median(whole)),
        "max": significant(max(whole)),
        "start_median": significant(statistics.median(start)),
        "start_share": significant(sum(start) / sum(whole)),
        "answers_median": significant(statistics.median(rest)),
        "answers_max": significant(max(rest)),
    }


def same(first: list[Answers], second: list[Answers]) -> bool:
    """Tell whether two sandboxes gave the same answers."""
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a.moves, b.moves) and np.array_equal(a.lost, b.lost) for a, b in pairs)


def utilities(size: int, seed: int, sources: list[str], report: Report) -> NDArray[np.float64]:
    """Return the descendants' mean utilities, (C,), all on the same games, two played at a time."""
    out = []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(utility_of, source, size, seed) for source in sources[1:]]
        for index, job in enumerate(jobs):
            out.append(job.result())
            report(f"{size}x{size}: games of {index + 1} of {len(jobs)} controllers", 0.3 + 0.7 * (index + 1) / len(jobs))
    return np.array(out)


def utility_of(source: str, size: int, seed: int) -> float:
    """Return a controller's mean utility."""
    task, seeds = SnakeTask(size), np.array(game_seeds(seed, "gate", 0, GAMES[size]), np.uint64)
    policy = WeakPolicy(task, derived_seed(seed, "policy", size))
    return float(play(task, policy, seeds, session=InProcess(source), batch=len(seeds)).utility.mean())


def figures(bank: Bank, incumbent: Answers, given: list[Answers], utility: NDArray[np.float64]) -> dict[str, Any]:
    """Return rank correlation with its bootstrap interval, and rejections against the first and every other controller."""
    from scipy.stats import spearmanr

    scores = [score_bank(bank, one, incumbent) for one in given]
    merits, generator = np.array([score.candidate.merit for score in scores]), np.random.default_rng(0)
    drawn = generator.integers(0, len(given), (RESAMPLES, len(given)))
    low, high = np.quantile([spearmanr(merits[rows], utility[rows]).statistic for rows in drawn], (0.025, 0.975))
    rejected = np.array([score.objection is not None for score in scores])
    best = np.argsort(-utility, kind="stable")[: -(-len(given) // 4)]
    crossed = np.array([[score_bank(bank, one, other).objection is not None for one in given] for other in given])
    np.fill_diagonal(crossed, val=False)
    return {
        "controllers": len(given),
        "spearman": significant(float(spearmanr(merits, utility).statistic)),
        "spearman_low": significant(float(low)),
        "spearman_high": significant(float(high)),
        "kept_best_quarter": not bool(rejected[best].any()),
        "rejected": int(rejected.sum()),
        "rejected_of_best_quarter": int(rejected[best].sum()),
        "any_incumbent": {
            "pairs": crossed.size - len(given),
            "rejected": int(crossed.sum()),
            "best": int(crossed[:, best].sum()),
        },
        "points": [
            [significant(score.candidate.merit), significant(float(value)), bool(out)]
            for score, value, out in zip(scores, utility, rejected, strict=True)
        ],
    }

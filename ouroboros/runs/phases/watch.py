"""Watch: the incumbent on fresh seeds after every round; a confirmed regression is rolled back (`patch.rollback`)."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroboros.protocols.errors import CandidateFault
from ouroboros.protocols.records import Incumbent, Outcomes
from ouroboros.runs.context import as_dict, kept, standing
from ouroboros.runs.gate.betting import BettingTest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.runs.context import Run

REGRESSION_ALPHA = 0.05
"""Chance that a candidate which is no worse is ever rolled back, over all the rounds that it is watched."""


def watch(run: Run, round: int) -> None:
    """Score the incumbent on fresh seeds beside the one before it; roll back what is shown to be worse."""
    history = lineage(run)
    seen = run.step(f"{round}/watch/play", "policy.evaluate", {"stream": "watch"}, lambda: _play(run, round, history))
    if len(history) > 1:
        test = _evidence(run, round, history[-1]["candidate"])
        if test.log_e_worse >= -math.log(REGRESSION_ALPHA):
            reason = f"worse than its predecessor by {-test.mean:.3f} utility over {test.games} watch games"
            roll_back(run, f"{round}/rollback", history[-1]["candidate"], reason)
            run.step(f"{round}/watch/again", "policy.evaluate", {"stream": "watch"}, lambda: _play(run, round, history[:-1], 1))
    run.progress.note(
        f"round {round + 1}: score {seen['score']['mean']:.1f} [{seen['score']['low']:.1f}, {seen['score']['high']:.1f}]"
    )


def lineage(run: Run) -> list[dict[str, Any]]:
    """Return the accepted states that stand, oldest first: the start, then each applied candidate not rolled back."""
    stack: list[dict[str, Any]] = []
    for entry in standing(run.ledger):
        if "rolled_back" in entry:
            stack = [e for e in stack if e.get("candidate") != entry["rolled_back"]]
        else:
            stack.append(entry)
    return stack


def _play(run: Run, round: int, history: list[dict[str, Any]], salt: int = 0) -> dict[str, Any]:
    """Play the newest state, and the one before it where there is one, on the same fresh seeds."""
    games = run.recipe.gate.watch_games
    seeds = run.players.seeds("watch", (2 * round + salt) * games, games)
    shown = [Incumbent(**e["incumbent"]) for e in history[-2:]]
    with ThreadPoolExecutor(2) as pool:
        played = list(pool.map(lambda incumbent: _outcomes(run, incumbent, seeds), shown))
    run.progress.games(games * len(shown))
    utilities = [o.utility if o is not None else np.zeros(games) for o in played]
    result = {
        "candidate": history[-1].get("candidate"),
        "played": games * len(shown),
        **measured(played[-1], run.seed("bootstrap", round)),
    }
    if len(shown) > 1:
        result["differences"] = [kept(x) for x in utilities[1] - utilities[0]]
    return result


def _outcomes(run: Run, incumbent: Incumbent, seeds: list[int]) -> Outcomes | None:
    try:
        player = run.players.open(incumbent)
    except CandidateFault:
        return None
    try:
        return player.play(run.task, seeds, len(seeds))
    except CandidateFault:
        return None
    finally:
        player.close()


def measured(outcomes: Outcomes | None, seed: int) -> dict[str, Any]:
    """Return score with its bootstrap interval, win rate, path optimality and utility; zeros for a player that failed."""
    from ouroboros.policy.play import estimate

    if outcomes is None:
        return {
            "score": {"mean": 0.0, "low": 0.0, "high": 0.0},
            "win_rate": 0.0,
            "path_optimality": 0.0,
            "utility": 0.0,
            "steps": 0.0,
        }
    score: NDArray[np.float64] = outcomes.score.astype(np.float64)
    return {
        "score": asdict(estimate(score, np.random.default_rng(seed))),
        "win_rate": float(outcomes.won.mean()),
        "path_optimality": float(outcomes.path_optimality.mean()),
        "utility": float(outcomes.utility.mean()),
        "steps": float(outcomes.steps.mean()),
    }


def _evidence(run: Run, round: int, candidate: str) -> BettingTest:
    """Return the test over all watch games of this candidate against its predecessor, in all rounds so far."""
    test = BettingTest()
    for step in run.ledger.steps():
        if "/watch/" in step.key and step.result["candidate"] == candidate and "differences" in step.result:
            test.add(np.array(step.result["differences"]))
    return test


def roll_back(run: Run, key: str, candidate: str, reason: str) -> dict[str, Any]:
    """Undo an accepted candidate: revert its commit, restore what stood without it, record the failure.

    Raises:
        UsageError: it was not accepted, is rolled back already, or later ones build on it.
    """
    result: dict[str, Any] = run.step(
        key, "patch.rollback", {"candidate": candidate, "reason": reason}, lambda: _revert(run, candidate, reason)
    )
    round = candidate_round(candidate)
    run.step(f"{round}/rolled_back/{candidate}", "run.verdict", {"candidate": candidate}, lambda: {"reason": reason})
    run.progress.note(f"rolled back {candidate}: {reason}")
    return result


def candidate_round(candidate: str) -> int:
    """Return the round in which a candidate was proposed, from its id (`r3-patch1`)."""
    return int(candidate[1:].partition("-")[0])


def _revert(run: Run, candidate: str, reason: str) -> dict[str, Any]:
    from ouroboros.protocols.errors import UsageError

    stack = lineage(run)
    entry = next((e for e in stack if e.get("candidate") == candidate), None)
    if entry is None:
        accepted = ", ".join(e["candidate"] for e in stack if e.get("candidate")) or "none"
        raise UsageError(f"{candidate} is not an accepted candidate of this run; accepted and standing: {accepted}")
    clock = len(standing(run.ledger))
    commit = run.workspace.revert(entry["commit"], clock)
    if commit is None:
        later = [e["candidate"] for e in stack[stack.index(entry) + 1 :]]
        raise UsageError(
            f"{candidate} cannot be rolled back alone: {', '.join(later)} build on it; roll those back first, newest first"
        )
    incumbent = Incumbent(
        policy=run.workspace.read("policy").strip(),
        reward=run.store.put_text(run.workspace.read("reward.json").removesuffix("\n")),
        controller=run.store.put_text(run.workspace.read("controller.py")),
    )
    return {"incumbent": as_dict(incumbent), "commit": commit, "rolled_back": candidate, "reason": reason}

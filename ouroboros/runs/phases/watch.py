"""Watch: the incumbent on fresh seeds after every round; a confirmed regression is rolled back (`patch.rollback`)."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroboros.protocols.errors import UsageError
from ouroboros.protocols.records import Incumbent, Outcomes
from ouroboros.runs.context import as_dict, kept, standing
from ouroboros.runs.gate.betting import BettingTest
from ouroboros.runs.players import close, outcomes_or_none

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.runs.context import Run

REGRESSION_ALPHA = 0.05
"""Chance that a candidate which is no worse is ever rolled back, over all the rounds that it is watched."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An accepted state that stands: the candidate that made it (None for the start), its commit, and what plays then."""

    candidate: str | None
    commit: str
    incumbent: Incumbent


def watch(run: Run, round: int) -> None:
    """Score the incumbent on fresh seeds beside the one before it; roll back what is shown to be worse."""
    seen = run.step(f"{round}/watch/play", "policy.evaluate", {"stream": "watch"}, lambda: _play(run, round))
    found = run.step(f"{round}/watch/judge", "gate.judge_watch", {}, lambda: _judge(run, seen))
    if found["candidate"] is not None:
        roll_back(run, f"{round}/rollback", found["candidate"], found["reason"])
        seen = run.step(f"{round}/watch/again", "policy.evaluate", {"stream": "watch"}, lambda: _play(run, round, 1))
    score = seen["score"]
    run.progress.note(f"round {round + 1}: score {score['mean']:.1f} [{score['low']:.1f}, {score['high']:.1f}]")


def lineage(run: Run) -> list[Standing]:
    """Return the accepted states that stand, oldest first, as if what was rolled back had never been accepted."""
    entries: list[dict[str, Any]] = []
    for entry in standing(run.ledger):
        if "rolled_back" in entry:
            entries = [e for e in entries if e.get("candidate") != entry["rolled_back"]]
        else:
            entries.append(entry)
    states = [Standing(None, entries[0]["commit"], Incumbent(**entries[0]["incumbent"]))]
    for entry in entries[1:]:
        before, after = states[-1].incumbent, Incumbent(**entry["incumbent"])
        patched = "-patch" in entry["candidate"]
        changed = (
            Incumbent(before.policy, before.reward, after.controller)
            if patched
            else Incumbent(after.policy, after.reward, before.controller)
        )
        states.append(Standing(entry["candidate"], entry["commit"], changed))
    return states


def _play(run: Run, round: int, salt: int = 0) -> dict[str, Any]:
    """Play the newest state, and the one before it where there is one, on the same fresh seeds."""
    games = run.recipe.gate.watch_games
    seeds = run.players.seeds("watch", (2 * round + salt) * games, games)
    states = lineage(run)[-2:]
    players = [run.players.open_or_none(state.incumbent) for state in states]
    try:
        with ThreadPoolExecutor(2) as pool:
            played = list(pool.map(lambda player: outcomes_or_none(player, run.task, seeds, games), players))
    finally:
        for player in players:
            close(player)
    run.progress.games(games * len(states))
    result = {"played": games * len(states), **measured(played[-1], run.seed("bootstrap", round))}
    if len(states) > 1:
        before, now = (o.utility if o is not None else np.zeros(games) for o in played)
        result["pair"] = [as_dict(state.incumbent) for state in states]
        result["candidate"] = states[-1].candidate
        result["differences"] = [kept(x) for x in now - before]
    return result


def measured(outcomes: Outcomes | None, seed: int) -> dict[str, Any]:
    """Return score with its bootstrap interval, win rate, path optimality and utility; zeros for a player that failed."""
    from ouroboros.policy.play import estimate

    if outcomes is None:
        return {"score": {"mean": 0.0, "low": 0.0, "high": 0.0}, "win_rate": 0.0, "path_optimality": 0.0, "utility": 0.0}
    score: NDArray[np.float64] = outcomes.score.astype(np.float64)
    return {
        "score": asdict(estimate(score, np.random.default_rng(seed))),
        "win_rate": float(outcomes.won.mean()),
        "path_optimality": float(outcomes.path_optimality.mean()),
        "utility": float(outcomes.utility.mean()),
    }


def _judge(run: Run, seen: dict[str, Any]) -> dict[str, Any]:
    """Test the newest candidate against its predecessor on all watch games that this very pair has played."""
    if "pair" not in seen:
        return {"candidate": None}
    test = BettingTest()
    for step in run.ledger.steps():
        if "/watch/" in step.key and step.result.get("pair") == seen["pair"]:
            test.add(np.array(step.result["differences"]))
    if test.log_e_worse < -math.log(REGRESSION_ALPHA):
        return {"candidate": None}
    reason = f"worse than its predecessor by {-test.mean:.3f} utility over {test.games} watch games"
    return {"candidate": seen["candidate"], "reason": reason}


def roll_back(run: Run, key: str, candidate: str, reason: str) -> dict[str, Any]:
    """Undo an accepted candidate: revert its commit and restore what stands without it.

    Raises:
        UsageError: it was not accepted, is rolled back already, or later ones build on it.
    """
    params = {"candidate": candidate, "reason": reason}
    result: dict[str, Any] = run.step(key, "patch.rollback", params, lambda: _revert(run, candidate, reason))
    run.progress.note(f"rolled back {candidate}: {reason}")
    return result


def refuse_unsettled(run: Run) -> None:
    """Refuse to roll back between a verdict and its commit, where the next commit would bring the old part back.

    Raises:
        UsageError: the run was stopped at such a moment.
    """
    done = {s.key for s in run.ledger.steps()}
    verdicts = [s for s in run.ledger.steps() if s.method == "run.verdict" and s.result["outcome"] == "accepted"]
    if any(s.key.replace("/verdict/", "/apply/") not in done for s in verdicts):
        raise UsageError(f"{run.folder} was stopped while settling: `ouroboros resume {run.folder}` first, then roll back")


def _revert(run: Run, candidate: str, reason: str) -> dict[str, Any]:
    states = lineage(run)
    at = next((i for i, state in enumerate(states) if state.candidate == candidate), None)
    if at is None:
        accepted = ", ".join(s.candidate for s in states if s.candidate) or "none"
        raise UsageError(f"{candidate} is not an accepted candidate of this run; accepted and standing: {accepted}")
    commit = run.workspace.revert(states[at].commit, len(standing(run.ledger)))
    if commit is None:
        later = ", ".join(s.candidate for s in states[at + 1 :] if s.candidate)
        raise UsageError(f"{candidate} cannot be rolled back alone: {later} build on it; roll those back first, newest first")
    incumbent = Incumbent(
        policy=run.workspace.read("policy").strip(),
        reward=run.store.put_text(run.workspace.read("reward.json").removesuffix("\n")),
        controller=run.store.put_text(run.workspace.read("controller.py")),
    )
    return {"incumbent": as_dict(incumbent), "commit": commit, "rolled_back": candidate, "reason": reason}

"""Gate: the A* screen on a bank of positions, then paired games on seeds that nobody used before.

Candidates come in the order of their regret on the bank, rewards before patches (a patch is written against the policy
that it drives). Each meets the incumbent of that moment, so what an earlier one won counts for the next.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroboros.protocols.errors import CandidateFault
from ouroboros.protocols.records import Incumbent, Outcome, Verdict
from ouroboros.runs.context import VERDICT
from ouroboros.runs.gate.oracle import BankScore, score_bank
from ouroboros.runs.gate.paired import judge
from ouroboros.runs.gate.spending import summable_share
from ouroboros.runs.phases.settle import combined, settle
from ouroboros.runs.phases.train import trained
from ouroboros.runs.players import Player, close, utilities_or_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.records import Candidate
    from ouroboros.runs.context import Run


def gate(run: Run, round: int) -> None:
    """Judge all candidates that are still without a verdict; settle each accepted one before the next is judged."""
    ranked = run.step(f"{round}/gate/order", "gate.screen", {}, lambda: _order(run, round))
    by_id = {c.id: c for c in run.candidates(round)}
    for entry in ranked:
        candidate = by_id[entry["candidate"]]
        if run.ledger.step(f"{round}/verdict/{candidate.id}") is None:
            _judge(run, round, candidate, entry)
        settle(run, round, candidate)


def _order(run: Run, round: int) -> list[dict[str, Any]]:
    """Score every candidate on the bank; return rewards before patches, least regret first."""
    pending, incumbent = run.undecided(round), run.incumbent()
    if not pending:
        return []
    bank = run.task.positions(run.seed("bank", round), run.recipe.gate.positions)
    regret, observations = run.task.regret(bank), bank.observations()
    try:
        base = _moves(run, incumbent, observations)
    except CandidateFault as fault:
        run.progress.note(f"the incumbent fails on the bank ({fault}): it counts as losing everywhere")
        base = None
    out: list[dict[str, Any]] = []
    for i, candidate in enumerate(pending):
        run.progress.advance("A* screen", i / len(pending), candidate.id)
        entry: dict[str, Any] = {"candidate": candidate.id, "kind": candidate.kind}
        try:
            moves = _moves(run, combined(run, round, candidate, incumbent), observations)
        except CandidateFault as fault:
            entry |= {"fault": {"layer": fault.layer, "reason": fault.reason}}
        else:
            score = score_bank(regret, moves, base)
            entry |= {"score": asdict(score), "objection": score.objection}
        out.append(entry)
    return sorted(out, key=lambda e: (e["kind"] == "patch", e.get("score", {}).get("regret", 9.0), e["candidate"]))


def _moves(run: Run, incumbent: Incumbent, observations: Any) -> NDArray[np.int8]:
    player = run.players.open(incumbent)
    try:
        return player.moves(observations)
    finally:
        close(player)


def _judge(run: Run, round: int, candidate: Candidate, entry: dict[str, Any]) -> None:
    if "fault" in entry:
        run.reject(round, candidate, entry["fault"]["layer"], entry["fault"]["reason"])
        return
    if entry["objection"] is not None:
        run.reject(round, candidate, "oracle", entry["objection"])
        return
    key = f"{round}/gate/{candidate.id}"
    test = 1 + sum(s.method == "gate.judge" and s.key != key for s in run.ledger.steps())
    params = {"candidate": candidate.id, "test": test, "stream": "gate"}
    played = VERDICT.validate_python(run.step(key, "gate.judge", params, lambda: asdict(_play(run, round, candidate, test))))
    training = trained(run, round, candidate)["health"] if candidate.kind == "reward" else None
    score = BankScore(**entry["score"])
    run.decide(round, candidate, replace(played, training=training, regret=(score.regret, score.incumbent_regret)))


def _play(run: Run, round: int, candidate: Candidate, test: int) -> Verdict:
    """Play the sequential test; any failure of the candidate in a game rejects it."""
    settings, incumbent = run.recipe.gate, run.incumbent()
    alpha = summable_share(settings.alpha, test)
    rejected = partial(Verdict, "rejected", alpha=alpha, incumbent=incumbent)
    try:
        challenger = run.players.open(combined(run, round, candidate, incumbent))
    except CandidateFault as fault:
        return rejected(fault.layer, fault.reason)
    defender = run.players.open_or_none(incumbent)
    try:
        with ThreadPoolExecutor(2) as pool:
            play = partial(_pairs, run, candidate, pool, challenger, defender, (test - 1) * settings.games)
            found = judge(play, alpha=alpha, games=settings.games, batch=settings.batch, futility=settings.futility)
    except CandidateFault as fault:
        return rejected(fault.layer, f"in a game: {fault.reason}")
    finally:
        close(challenger)
        close(defender)
    outcome: Outcome = "accepted" if found.better else "rejected"
    return Verdict(outcome, "gate", found.reason, found.effect, found.e_value, alpha, incumbent)


def _pairs(
    run: Run,
    candidate: Candidate,
    pool: ThreadPoolExecutor,
    challenger: Player,
    defender: Player | None,
    first: int,
    start: int,
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Play `count` pairs from gate seed `first + start` on, the two players side by side; return their utilities."""
    settings = run.recipe.gate
    seeds = run.players.seeds("gate", first + start, count)
    mine = pool.submit(challenger.play, run.task, seeds, settings.batch)
    theirs = pool.submit(utilities_or_loss, defender, run.task, seeds, settings.batch)
    run.progress.games(2 * count)
    run.progress.advance("paired games", (start + count) / settings.games, f"{candidate.id} {start + count}")
    return mine.result().utility, theirs.result()

"""Settle: an accepted candidate becomes a commit and the new incumbent; two in one round get their shares by a factorial."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ouroboros.protocols.records import Incumbent, Verdict
from ouroboros.runs.context import as_dict, kept
from ouroboros.runs.phases.train import trained
from ouroboros.runs.players import close, utilities_or_loss

if TYPE_CHECKING:
    from ouroboros.protocols.records import Candidate
    from ouroboros.runs.context import Run


def settle(run: Run, round: int, candidate: Candidate) -> None:
    """Commit the candidate if it was accepted (`patch.apply`)."""
    verdict = run.verdict(round, candidate)
    if verdict.outcome == "accepted":
        params = {"candidate": candidate.id}
        run.step(f"{round}/apply/{candidate.id}", "patch.apply", params, lambda: _apply(run, round, candidate, verdict))


def combined(run: Run, round: int, candidate: Candidate, base: Incumbent) -> Incumbent:
    """Return the incumbent with the candidate's part put in."""
    screened = run.result(f"{round}/screen/{candidate.id}")
    if candidate.kind == "patch":
        return Incumbent(base.policy, base.reward, screened["controller"])
    return Incumbent(trained(run, round, candidate)["policy"], screened["reward"], base.controller)


def _apply(run: Run, round: int, candidate: Candidate, verdict: Verdict) -> dict[str, Any]:
    assert verdict.incumbent is not None
    new = combined(run, round, candidate, verdict.incumbent)
    subject = f"Accept {candidate.id}\n\n{candidate.rationale}\n{verdict.reason}"
    commit = commit_incumbent(run, new, subject)
    return {"incumbent": as_dict(new), "commit": commit, "candidate": candidate.id, "round": round}


def commit_incumbent(run: Run, incumbent: Incumbent, subject: str) -> str:
    """Write an incumbent into the workspace; return the commit."""
    clock = sum(1 for s in run.ledger.steps() if s.method in ("patch.apply", "patch.rollback")) + 1
    return run.workspace.commit(
        run.store.text(incumbent.controller), run.store.text(incumbent.reward), incumbent.policy, subject, clock
    )


def attribute(run: Run, round: int) -> dict[str, float] | None:
    """Where a reward and a patch were both accepted, give each its share of the gain and their interaction.

    A 2x2 factorial on common seeds: old and new weights by old and new code. With the mean utilities `u[weights][code]`,
    reward = ((u10 - u00) + (u11 - u01)) / 2, code = ((u01 - u00) + (u11 - u10)) / 2, interaction = u11 - u10 - u01 + u00.
    """
    accepted = {c.id: c for c in run.candidates(round) if run.verdict(round, c).outcome == "accepted"}
    if {c.kind for c in accepted.values()} != {"reward", "patch"}:
        return None
    applied = list(run.ledger.steps(f"{round}/apply/"))
    old = run.verdict(round, accepted[applied[0].result["candidate"]]).incumbent
    assert old is not None
    new = Incumbent(**applied[-1].result["incumbent"])
    shares: dict[str, float] = run.step(
        f"{round}/attribute", "gate.attribute", {"stream": "search"}, lambda: _factorial(run, round, old, new)
    )
    return shares


def _factorial(run: Run, round: int, old: Incumbent, new: Incumbent) -> dict[str, float]:
    games = run.recipe.gate.attribution_games
    seeds = run.players.seeds("search", (round + 1) * (1 << 20) - games, games)
    cells = [Incumbent(w.policy, w.reward, c.controller) for w in (old, new) for c in (old, new)]
    players = [run.players.open_or_none(cell) for cell in cells]
    try:
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda p: float(utilities_or_loss(p, run.task, seeds, games).mean()), players))
    finally:
        for player in players:
            close(player)
    run.progress.games(4 * games)
    u00, u01, u10, u11 = results
    return {
        "reward": kept((u10 - u00 + u11 - u01) / 2),
        "code": kept((u01 - u00 + u11 - u10) / 2),
        "interaction": kept(u11 - u10 - u01 + u00),
        "games": float(games),
        "played": float(4 * games),
    }

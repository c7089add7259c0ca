"""Settle: an accepted candidate becomes a commit and the new incumbent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ouroloop.protocols.records import Build, Verdict
from ouroloop.runs.context import as_dict, standing
from ouroloop.runs.phases.train import trained

if TYPE_CHECKING:
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.context import Run


def settle(run: Run, round: int, candidate: Candidate) -> None:
    """Commit the candidate if it was accepted (`patch.apply`)."""
    verdict = run.verdict(round, candidate)
    if verdict.outcome == "accepted":
        params = {"candidate": candidate.id}
        run.step(f"{round}/apply/{candidate.id}", "patch.apply", params, lambda: _apply(run, round, candidate, verdict))


def combined(run: Run, round: int, candidate: Candidate, base: Build) -> Build:
    """Return the incumbent with the candidate's parts put in."""
    screened = run.result(f"{round}/screen/{candidate.id}")
    controller = base.controller if candidate.kind == "reward" else screened["controller"]
    if candidate.kind == "patch":
        return Build(base.policy, base.reward, controller)
    return Build(trained(run, round, candidate)["policy"], screened["reward"], controller)


def _apply(run: Run, round: int, candidate: Candidate, verdict: Verdict) -> dict[str, Any]:
    assert verdict.incumbent is not None
    new = combined(run, round, candidate, verdict.incumbent)
    subject = f"Accept {candidate.id}\n\n{candidate.rationale}\n{verdict.reason}"
    commit = commit_incumbent(run, new, subject)
    before = as_dict(verdict.incumbent)
    return {"incumbent": as_dict(new), "before": before, "commit": commit, "candidate": candidate.id, "round": round}


def commit_incumbent(run: Run, incumbent: Build, subject: str) -> str:
    """Write an incumbent into the workspace; return the commit."""
    clock = len(standing(run.ledger))
    return run.workspace.commit(
        run.store.text(incumbent.controller), run.store.text(incumbent.reward), incumbent.policy, subject, clock
    )

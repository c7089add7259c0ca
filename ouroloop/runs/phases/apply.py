"""Apply: an accepted candidate becomes a commit and the new incumbent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.ledger.steps import apply as steps
from ouroloop.runs.phases.assemble import assembled

if TYPE_CHECKING:
    from ouroloop.protocols.records import Build, Candidate, Verdict
    from ouroloop.runs.context import Run


def apply(run: Run, round: int, candidate: Candidate) -> None:
    """Commit the candidate if it was accepted (`patch.apply`)."""
    verdict = run.verdict(round, candidate)
    if verdict.outcome == "accepted":
        key, params = steps.apply(round, candidate.id), {"candidate": candidate.id}
        run.step(key, params, lambda: _apply(run, round, candidate, verdict))


def _apply(run: Run, round: int, candidate: Candidate, verdict: Verdict) -> steps.Applied:
    before = verdict.incumbent
    assert before is not None
    new = assembled(run, round, candidate, before)
    subject = f"Accept {candidate.id}\n\n{candidate.rationale}\n{verdict.reason}"
    return steps.Applied(new, before, commit_build(run, new, subject), candidate.id, round)


def commit_build(run: Run, build: Build, subject: str) -> str:
    """Write the new incumbent into the workspace; return the commit."""
    clock = sum(1 for _ in steps.changes(run.ledger))
    return run.workspace.commit(run.store.text(build.controller), run.store.text(build.reward), build.policy, subject, clock)

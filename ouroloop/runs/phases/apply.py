"""Apply: an accepted candidate becomes a commit and the new incumbent.

Every commit follows from the ledger and the artifacts alone: `revisions` says which, and the workspace is made anew of them
whenever a run is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.ledger.faults import damaged
from ouroloop.ledger.steps import apply as steps
from ouroloop.ledger.steps import gate, propose
from ouroloop.ledger.workspace import Revision
from ouroloop.runs.phases.assemble import assembled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.steps.start import Begun
    from ouroloop.ledger.store import Store
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
    return steps.Applied(new, before, commit_build(run, new, acceptance(candidate, verdict)), candidate.id, round)


def acceptance(candidate: Candidate, verdict: Verdict) -> str:
    """Return the message of the commit that accepts a candidate."""
    return f"Accept {candidate.id}\n\n{candidate.rationale}\n{verdict.reason}"


def rolling_back(candidates: tuple[str, ...], reason: str) -> str:
    """Return the message of the commit that rolls candidates back."""
    return f"Roll back {', '.join(candidates)}\n\n{reason}"


def revisions(ledger: Ledger, store: Store) -> Iterator[Revision]:
    """Yield every commit that a run has made, oldest first.

    Raises:
        LedgerError: the record is not whole.
    """
    for _, change in steps.changes(ledger):
        build = change.incumbent
        parts = (store.text(build.controller), store.text(build.reward), build.policy)
        yield Revision(*parts, _message(ledger, change), change.commit)


def _message(ledger: Ledger, change: Begun | steps.Applied | steps.RolledBack) -> str:
    if isinstance(change, steps.RolledBack):
        return rolling_back((change.rolled_back, *change.chain), change.reason)
    if not isinstance(change, steps.Applied):
        return "Start"
    proposed = propose.proposed(ledger, change.round).candidates
    candidate = next((each for each in proposed if each.id == change.candidate), None)
    if candidate is None:
        raise damaged(ledger.path, f"round {change.round} applied {change.candidate}, which nobody proposed")
    return acceptance(candidate, gate.verdict(change.round, candidate.id).read(ledger))


def commit_build(run: Run, build: Build, subject: str) -> str:
    """Write the new incumbent into the workspace; return the commit."""
    clock = sum(1 for _ in steps.changes(run.ledger))
    return run.workspace.commit(run.store.text(build.controller), run.store.text(build.reward), build.policy, subject, clock)

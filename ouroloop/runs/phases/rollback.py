"""Rollback: take an accepted candidate out again, and keep the later changes that still apply.

The accepted states form a line; each is the state before it plus one change. To take a change out, the later changes are
applied again, starting from the state before it. Text is merged three-way. Weights apply only if the weights that they
were trained from still play. A later change that no longer applies is rolled back too, and the record says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import watch
from ouroloop.ledger.steps.apply import RolledBack, Standing, changes, standing_after
from ouroloop.ledger.steps.observe import rounds_begun
from ouroloop.protocols.errors import CandidateFault, UsageError
from ouroloop.protocols.records import Build
from ouroloop.protocols.text import shell_word
from ouroloop.runs.phases.apply import commit_build, rolling_back
from ouroloop.runs.proposers.checking import checked

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.steps.key import Key
    from ouroloop.runs.context import Run


def lineage(ledger: Ledger) -> list[Standing]:
    """Return the accepted states that still stand, oldest first, as if nothing rolled back had ever been accepted."""
    states: list[Standing] = []
    for _, change in changes(ledger):
        states = standing_after(change, states)
    return states


def roll_back(run: Run, key: Key[RolledBack], candidate: str, reason: str, transcripts: Sequence[str] = ()) -> RolledBack:
    """Take an accepted candidate out (`patch.rollback`); return the result.

    Args:
        run: the run.
        key: the key of the step.
        candidate: the candidate's id.
        reason: why it is rolled back, one line.
        transcripts: games that show its harm, for the role that patches next.

    Raises:
        UsageError: it was not accepted, or has been rolled back already.
    """
    params = {"candidate": candidate, "reason": reason}
    result = run.step(key, params, lambda: _take_out(run, candidate, reason, transcripts))
    run.progress.note(f"rolled back {candidate}: {reason}")
    for id, why in result.chain.items():
        run.progress.note(f"also rolled back {id}: {why}")
    if result.retained:
        run.progress.note(f"kept the later changes {', '.join(result.retained)}")
    return result


def refuse_unsettled(run: Run) -> None:
    """Refuse to roll back in the middle of a round, whose candidates were made for the incumbent and race against it.

    Raises:
        UsageError: the run was stopped between the first and the last step of a round.
    """
    rounds = list(rounds_begun(run.ledger))
    if not rounds:
        return
    judged = watch.judged(run.ledger, max(rounds))
    again = run.find(watch.again(max(rounds))) is not None
    if not judged or judged[-1].candidate is not None or (len(judged) > 1 and not again):
        remedy = f"`ouroloop resume {shell_word(run.folder)}` first, then roll back"
        raise UsageError(f"{run.folder} was stopped in the middle of round {max(rounds)}: {remedy}")


def _take_out(run: Run, candidate: str, reason: str, transcripts: Sequence[str]) -> RolledBack:
    states = lineage(run.ledger)
    at = next((i for i, state in enumerate(states) if state.candidate == candidate), None)
    if at is None:
        accepted = ", ".join(s.candidate for s in states if s.candidate) or "none"
        raise UsageError(f"{candidate} is not an accepted candidate of this run; accepted and standing: {accepted}")
    left, chain = states[:at], dict[str, str]()
    for before, after in pairwise(states[at:]):
        assert after.candidate is not None
        try:
            merged = _put_in(run, left[-1].incumbent, before.incumbent, after.incumbent)
        except CandidateFault as fault:
            chain[after.candidate] = f"built on {candidate}, which was rolled back: {fault.reason}"
        else:
            left.append(Standing(after.candidate, merged))
    message = rolling_back((candidate, *chain), reason)
    return RolledBack(
        incumbent=left[-1].incumbent,
        commit=commit_build(run, left[-1].incumbent, message),
        rolled_back=candidate,
        reason=reason,
        chain=chain,
        retained=tuple(state.candidate for state in left[at:] if state.candidate),
        lineage=tuple(left),
        transcripts=tuple(transcripts),
    )


def _put_in(run: Run, now: Build, before: Build, after: Build) -> Build:
    """Return `now` with the change from `before` to `after` applied.

    Raises:
        CandidateFault: the change does not apply, or the result fails the screen.
    """
    if (after.policy, after.reward) != (before.policy, before.reward):
        if now.policy != before.policy:
            raise CandidateFault("gate", "its weights were trained from those that go")
        now = Build(after.policy, after.reward, now.controller)
    if after.controller == before.controller:
        return now
    if now.controller == before.controller:
        return Build(now.policy, now.reward, after.controller)
    if now.controller == after.controller:
        raise CandidateFault("gate", "without it nothing of its change is left")
    source = run.workspace.merged(*(run.store.text(x.controller) for x in (now, before, after)))
    if source is None:
        raise CandidateFault("gate", "its lines overlap")
    if source == run.store.text(now.controller):
        raise CandidateFault("gate", "without it nothing of its change is left")
    return Build(now.policy, now.reward, run.store.put_text(checked(run, source, now).source))

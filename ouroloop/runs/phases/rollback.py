"""Rollback: an accepted candidate is taken out again, and what was accepted after it stays where it still applies.

What stands is a line of states, each the one before it with a change put in. To take a change out, the later ones are put in
again from the state before it: text by a three-way merge, weights only where those that they were trained from still play.
A later change that no longer fits goes too, and the record says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ouroloop.protocols.errors import CandidateFault, UsageError
from ouroloop.protocols.records import Build
from ouroloop.runs.context import INCUMBENT_METHODS, as_dict
from ouroloop.runs.phases.screen import checked
from ouroloop.runs.phases.settle import commit_incumbent

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.runs.context import Run


@dataclass(frozen=True, slots=True)
class Standing:
    """An accepted state that stands: the candidate whose change made it (None for the start), and what plays then."""

    candidate: str | None
    incumbent: Build


def lineage(ledger: Ledger) -> list[Standing]:
    """Return the accepted states that stand, oldest first, as if what was rolled back had never been accepted."""
    states: list[Standing] = []
    for step in ledger.steps(methods=INCUMBENT_METHODS):
        if step.method == "patch.rollback":
            states = [Standing(entry["candidate"], Build(**entry["incumbent"])) for entry in step.result["lineage"]]
        else:
            states.append(Standing(step.result.get("candidate"), Build(**step.result["incumbent"])))
    return states


def roll_back(run: Run, key: str, candidate: str, reason: str, transcripts: Sequence[str] = ()) -> dict[str, Any]:
    """Take an accepted candidate out (`patch.rollback`); return the step's result.

    Args:
        run: the run.
        key: of the step.
        candidate: its id.
        reason: why, one line.
        transcripts: games that show it, for whoever patches next.

    Raises:
        UsageError: it was not accepted, or is rolled back already.
    """
    params = {"candidate": candidate, "reason": reason}
    work = lambda: _take_out(run, candidate, reason, transcripts)  # noqa: E731
    result: dict[str, Any] = run.step(key, "patch.rollback", params, work)
    run.progress.note(f"rolled back {candidate}: {reason}")
    for id, why in result["chain"].items():
        run.progress.note(f"with it goes {id}: {why}")
    if result["kept"]:
        run.progress.note(f"kept on top of what stood before it: {', '.join(result['kept'])}")
    return result


def refuse_unsettled(run: Run) -> None:
    """Refuse to roll back in the middle of a round: its candidates were made, and race, against what plays now.

    Raises:
        UsageError: the run was stopped between a round's first step and its last.
    """
    rounds = [int(step.key.split("/")[0]) for step in run.ledger.steps("*/observe/play")]
    if not rounds:
        return
    judged = list(run.ledger.steps(f"{max(rounds)}/watch/judge/*"))
    again = run.ledger.step(f"{max(rounds)}/watch/again") is not None
    if not judged or judged[-1].result["candidate"] is not None or (len(judged) > 1 and not again):
        remedy = f"`ouroloop resume {run.folder}` first, then roll back"
        raise UsageError(f"{run.folder} was stopped in the middle of round {max(rounds) + 1}: {remedy}")


def _take_out(run: Run, candidate: str, reason: str, transcripts: Sequence[str]) -> dict[str, Any]:
    states = lineage(run.ledger)
    at = next((i for i, state in enumerate(states) if state.candidate == candidate), None)
    if at is None:
        accepted = ", ".join(s.candidate for s in states if s.candidate) or "none"
        raise UsageError(f"{candidate} is not an accepted candidate of this run; accepted and standing: {accepted}")
    left, chain = states[:at], {}
    for before, after in pairwise(states[at:]):
        assert after.candidate is not None
        try:
            merged = _put_in(run, left[-1].incumbent, before.incumbent, after.incumbent)
        except CandidateFault as fault:
            chain[after.candidate] = f"built on {candidate}, which was rolled back: {fault.reason}"
        else:
            left.append(Standing(after.candidate, merged))
    subject = f"Roll back {', '.join((candidate, *chain))}\n\n{reason}"
    return {
        "incumbent": as_dict(left[-1].incumbent),
        "commit": commit_incumbent(run, left[-1].incumbent, subject),
        "rolled_back": candidate,
        "reason": reason,
        "chain": chain,
        "kept": [state.candidate for state in left[at:]],
        "lineage": [asdict(state) for state in left],
        "transcripts": list(transcripts),
    }


def _put_in(run: Run, now: Build, before: Build, after: Build) -> Build:
    """Return `now` with the change from `before` to `after` put in.

    Raises:
        CandidateFault: it does not apply, or what comes out fails the screen.
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

"""Approval: where the recipe wants it, an accepted candidate waits for the user's answer before it plays.

The gate's verdict is recorded as a question first. A refusal makes it a rejection at the layer `approval`. The level of the
race stays spent either way, so answers never add a false acceptance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import gate as steps
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line, shell_word

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.protocols.records import Candidate, Verdict
    from ouroloop.runs.context import Run


class Waits(Exception):
    """Ends the work in a run until the user has answered; the text says how."""


def settled(run: Run, round: int, candidate: Candidate, verdict: Verdict) -> Verdict:
    """Return the gate's verdict, or what the user's answer makes of it.

    Raises:
        Waits: the recipe has the user asked about this candidate, and no answer is on record.
    """
    asked = asks(run, candidate) or run.find(steps.question(round, candidate.id)) is not None
    if verdict.outcome != "accepted" or not asked:
        return verdict
    run.step(steps.question(round, candidate.id), {"candidate": candidate.id}, lambda: verdict)
    answer = run.find(steps.approval(round, candidate.id))
    if answer is None:
        words = ", then ".join(f"`ouroloop {word} {shell_word(run.folder)}`" for word in ("approve", "resume"))
        raise Waits(f"{candidate.id} won its race and waits for your answer: {words}")
    if answer.approved:
        return verdict
    return replace(verdict, outcome="rejected", layer="approval", reason=f"declined: {answer.reason}")


def answer(ledger: Ledger, candidate: str, *, approved: bool, reason: str) -> None:
    """Record what the user answers about a candidate.

    Raises:
        UsageError: it does not wait for an answer.
    """
    waiting = steps.unanswered(ledger)
    if candidate not in waiting:
        raise UsageError(f"{plain_line(candidate, 80)} does not wait for an answer; waiting: {', '.join(waiting) or 'none'}")
    said = steps.Approval(approved, plain_line(reason))
    steps.approval(waiting[candidate][0], candidate).record(ledger, {"candidate": candidate}, said)


def asks(run: Run, candidate: Candidate) -> bool:
    """Return whether the recipe has the user asked about a candidate."""
    wanted = run.recipe.approve
    return wanted == "all" or (wanted == "patch" and candidate.patch is not None)

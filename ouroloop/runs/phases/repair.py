"""Repair: what the screen refused goes back to its author in the same round, with the reason, a few times at most."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import propose as steps
from ouroloop.ledger.steps.propose import AskedRole, Proposed
from ouroloop.ledger.steps.screen import screen
from ouroloop.protocols.messages import Refused
from ouroloop.protocols.records import Candidate
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.phases.propose import account, proposal, proposals, question, tell

if TYPE_CHECKING:
    from ouroloop.runs.context import Run


def most_repairs(run: Run) -> int:
    """Return how often the role with the most patience may repair in a round."""
    return max(settings.attempts for settings in run.recipe.roles.all_proposers().values())


def repair(run: Run, round: int, attempt: int) -> bool:
    """Ask the authors of what was refused at the attempt before; return whether anybody was asked.

    A repaired candidate is a new one. Its id is that of the refused one with the attempt: `r1-patch2.1` answers `r1-patch2`.
    """
    pending = {who: found for who in run.recipe.roles.all_proposers() if (found := _refused(run, round, who, attempt))}
    if not pending:
        return False
    asked = {who: question(run, round, who, len(found), tuple(map(_told, found)), attempt) for who, found in pending.items()}
    run.step(steps.repaired(round, attempt), {}, lambda: _repaired(run, asked, pending, attempt))
    return True


def _repaired(
    run: Run, asked: dict[str, Asked], pending: dict[str, list[tuple[Candidate, str, str]]], attempt: int
) -> Proposed:
    found: list[Candidate] = []
    accounts: list[AskedRole] = []
    for who, answer in zip(asked, ask(run.ledger, list(asked.values())), strict=True):
        accounts.append(account(run, who, answer))
        tell(run, accounts[-1])
        if answer.reply is not None:
            made = proposals(accounts[-1].role, who, answer.reply)
            found += [_after(refused, new, attempt) for (refused, _, _), new in zip(pending[who], made, strict=False)]
    return Proposed(tuple(found), tuple(accounts))


def _after(refused: Candidate, new: Candidate, attempt: int) -> Candidate:
    """Return a repaired candidate with its id; what the refused one proposed beside the patch goes with it."""
    first = refused.id.partition(".")[0]
    return replace(new, id=f"{first}.{attempt}", reward=new.reward or (refused.reward if new.patch is not None else None))


def _refused(run: Run, round: int, proposer: str, attempt: int) -> list[tuple[Candidate, str, str]]:
    """Return a proposer's candidates of an attempt's predecessor that the screen refused, with layer and reason.

    Twins are left alone: they are sound, and only come second.
    """
    if run.recipe.roles.all_proposers()[proposer].attempts < attempt:
        return []
    before = (steps.candidates(round) if attempt == 1 else steps.repaired(round, attempt - 1)).read(run.ledger)
    mine = [candidate for candidate in before.candidates if candidate.proposer == proposer]
    screened = [(candidate, run.result(screen(round, candidate))) for candidate in mine]
    return [(candidate, found.layer, found.reason) for candidate, found in screened if found.outcome == "rejected"]


def _told(refused: tuple[Candidate, str, str]) -> Refused:
    candidate, layer, reason = refused
    return Refused(candidate=candidate.id, text=proposal(candidate), layer=layer, reason=reason)

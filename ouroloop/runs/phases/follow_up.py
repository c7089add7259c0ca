"""Follow-ups in the same round: refused candidates go back to their authors, and patchers' wishes to designers in turn.

What the screen refused is repaired, a few times at most. A patcher may want a reward beside its patch; the designer that
grants the wish sees the patch, and the pair is a candidate of its own. So code and reward that need each other are trained
and judged together (source document, 20.1 and 20.4), and the patch alone is judged after the pair.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ouroloop.ledger.steps import propose as steps
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.propose import AskedRole, Proposed
from ouroloop.ledger.steps.screen import screen
from ouroloop.protocols.messages import Refused, Wish, Wished
from ouroloop.protocols.records import Candidate
from ouroloop.runs.asking import Asked, ask
from ouroloop.runs.phases.propose import account, called, granted, proposal, proposals, question, tell

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
    wishes: dict[str, Wish] = {}
    accounts: list[AskedRole] = []
    for who, answer in zip(asked, ask(run.ledger, list(asked.values())), strict=True):
        accounts.append(account(run, who, answer))
        tell(run, accounts[-1])
        if answer.reply is not None:
            made = {one.place: one for one in proposals(accounts[-1].role, who, answer.reply)}
            for place, (refused, _, _) in enumerate(pending[who]):
                if place in made:
                    found.append(_after(refused, made[place].candidate, attempt))
                    wish = made[place].wish if found[-1].reward is None else None
                    wishes |= {found[-1].id: wish} if wish is not None else {}
    return Proposed(tuple(found), tuple(accounts), wishes=wishes)


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


def talk(run: Run, round: int) -> bool:
    """Put the wishes beside the round's sound patches to the designers in turn; return whether there were any."""
    designers = [name for name, one in run.recipe.roles.proposers("reward").items() if one.count]
    wishes = _wishes(run, round) if designers else []
    if not wishes:
        return False
    turns: dict[str, list[tuple[Candidate, Wished]]] = {}
    for place, wish in enumerate(wishes, round - FIRST_ROUND):
        turns.setdefault(designers[place % len(designers)], []).append(wish)
    for who, mine in turns.items():
        patches = ", ".join(patch.id for patch, _ in mine)
        run.progress.note(f"{called(run, who)} is asked for rewards that the authors of patches want beside them: {patches}")
    asked = {who: question(run, round, who, len(mine), wishes=tuple(one for _, one in mine)) for who, mine in turns.items()}
    patches_of = {who: [patch for patch, _ in mine] for who, mine in turns.items()}
    run.step(steps.answered(round), {}, lambda: _answers(run, asked, patches_of))
    return True


def _wishes(run: Run, round: int) -> list[tuple[Candidate, Wished]]:
    """Return the patches that passed the screen and have a wish, as many as the round grants, and what the designer reads."""
    wanted = steps.proposed(run.ledger, round).wishes
    found = []
    for candidate in run.candidates(round):
        passed = run.find(screen(round, candidate))
        if candidate.id in wanted and candidate in run.undecided(round) and passed is not None and passed.diff is not None:
            wished = Wished(candidate=candidate.id, diff=run.store.text(passed.diff), wish=wanted[candidate.id])
            found.append((candidate, wished))
    return found[: granted(run, round)] if found else []


def _answers(run: Run, asked: dict[str, Asked], patches_of: dict[str, list[Candidate]]) -> Proposed:
    pairs: list[Candidate] = []
    accounts: list[AskedRole] = []
    for who, answer in zip(asked, ask(run.ledger, list(asked.values())), strict=True):
        accounts.append(account(run, who, answer))
        tell(run, accounts[-1])
        made = proposals(accounts[-1].role, who, answer.reply) if answer.reply is not None else []
        reward_at = {one.place: one.candidate for one in made}
        for place, patch in enumerate(patches_of[who]):
            if place in reward_at:
                id = patch.id.replace("patch", "both", 1)
                pairs.append(replace(reward_at[place], id=id, patch=patch.patch, answers=patch.id))
    return Proposed(tuple(pairs), tuple(accounts))

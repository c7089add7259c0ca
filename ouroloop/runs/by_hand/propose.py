"""What users propose themselves: a patch or a reward of their own, or a candidate of the run once more.

It is recorded as it is given. The next round takes it beside what the roles propose, and it goes through the same layers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ouroloop.ledger.steps import propose as steps
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.screen import screen
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Candidate
from ouroloop.protocols.text import plain_line
from ouroloop.runs.context import rolled_back

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.ledger.store import Store

ROLE: Final = "user"
"""What a user is called as the author of a candidate."""


def untaken(ledger: Ledger) -> list[Candidate]:
    """Return what users have proposed and no round has taken yet."""
    names = steps.HAND.values()
    taken = sum(one.proposer in names for found in steps.all_rounds(ledger) for one in found.candidates)
    return steps.all_by_hand(ledger)[taken:]


def offer(ledger: Ledger, patch: str | None, reward: str | None, why: str) -> Candidate:
    """Record a proposal for the next round.

    Args:
        ledger: the run's, open for writing.
        patch: a diff, or a whole controller; None if the code stays.
        reward: a reward spec as JSON; None if the reward stays.
        why: the reason for it, one line.

    Raises:
        UsageError: it proposes nothing.
    """
    if patch is None and reward is None:
        raise UsageError("there is nothing to propose: give a patch, a reward, or a candidate of the run")
    made = Candidate("", ROLE, plain_line(why), patch, reward, proposer=steps.HAND["reward" if patch is None else "patch"])
    count = len(steps.all_by_hand(ledger))
    steps.by_hand(count).record(ledger, {}, steps.ByHand(made))
    return made


def again(ledger: Ledger, store: Store, id: str) -> tuple[str | None, str | None]:
    """Return the patch and the reward of a candidate that is to be proposed once more, as it passed the screen.

    Raises:
        UsageError: the run has no such candidate, or it plays now.
    """
    for round in range(FIRST_ROUND, FIRST_ROUND + steps.rounds(ledger)):
        for candidate in steps.proposed(ledger, round).candidates:
            if candidate.id == id:
                return _texts(ledger, store, round, candidate)
    raise UsageError(f"the run has no candidate {plain_line(id, 80)}: `ouroloop show` lists them")


def _texts(ledger: Ledger, store: Store, round: int, candidate: Candidate) -> tuple[str | None, str | None]:
    from ouroloop.ledger.steps.apply import apply

    if apply(round, candidate.id).find(ledger) is not None and candidate.id not in rolled_back(ledger):
        raise UsageError(f"{candidate.id} plays already: it was accepted, and stands")
    passed = screen(round, candidate).find(ledger)
    if passed is not None and passed.diff is not None:
        candidate = replace(candidate, patch=store.text(passed.diff))
    if passed is not None and passed.reward is not None:
        candidate = replace(candidate, reward=store.text(passed.reward))
    return candidate.patch, candidate.reward

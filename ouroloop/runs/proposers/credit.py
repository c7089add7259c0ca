"""What each proposer of a run has brought so far, and at what cost: told from the ledger alone.

A patch with the reward that its author wished for has two authors. An accepted pair counts for both, half of its gain each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ouroloop.ledger.steps import gate, propose
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.screen import screen
from ouroloop.ledger.steps.times import ANSWERED, ENDED, times
from ouroloop.runs.context import nine_decimals, rolled_back

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.protocols.records import Candidate
    from ouroloop.runs.recipe import Recipe

DECIDING: Final = ("screen", "train", "gate")
"""The phases of a round that decide about its candidates."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What a proposer has brought, and what that cost.

    Args:
        name: its name in the records, e.g. `patch.2`.
        role: what it is called; empty if it was never asked.
        slot: its table in the recipe.
        asked: the number of proposals asked for, repairs included.
        answered: those that it gave.
        passed: those that passed the screen.
        accepted: those that the gate accepted and that stand, among them the pairs that grant its wishes.
        gain: the sum of their effects on utility, as measured in their races; of a granted wish, half of it.
        seconds: the time it took to answer, and its candidates' share of the time until verdicts.
        tokens: used by its exchanges with a model.
        cost_usd: their price.
    """

    name: str
    role: str
    slot: str
    asked: int
    answered: int
    passed: int
    accepted: int
    gain: float
    seconds: float
    tokens: int
    cost_usd: float


def credit_by_proposer(ledger: Ledger, recipe: Recipe) -> list[Credit]:
    """Return what each proposer of a recipe has brought so far, in the recipe's order."""
    made, questions = _candidates(ledger), _questions(ledger)
    seconds, deciding, gains = _answering(ledger), _deciding(ledger, made), _gains(ledger)
    found = []
    for kind in ("reward", "patch"):
        for name in recipe.roles.proposers(kind):
            asked = [one for one in questions if one.proposer == name]
            mine = [(round, one) for round, one in made if one.proposer == name]
            passed = [(r, c) for r, c in mine if (done := screen(r, c).find(ledger)) and done.outcome != "rejected"]
            found.append(
                Credit(
                    name,
                    asked[-1].role if asked else "",
                    asked[-1].slot if asked else "",
                    sum(one.count for one in asked),
                    len(mine),
                    len(passed),
                    len(gains[name]),
                    nine_decimals(sum(gains[name])),
                    nine_decimals(seconds[name] + sum(deciding[round] for round, _ in mine)),
                    sum(one.tokens for one in asked),
                    nine_decimals(sum(one.cost_usd for one in asked)),
                )
            )
    return found


def authors(candidate: Candidate, beside: Iterable[Candidate]) -> tuple[str, ...]:
    """Return the proposers of a candidate: of a granted wish, the designer and the author of the patch.

    Args:
        candidate: the candidate.
        beside: the candidates of its round.
    """
    wished = (one.proposer for one in beside if candidate.answers and one.id == candidate.answers)
    return (candidate.proposer, *wished)


def _questions(ledger: Ledger) -> list[propose.AskedRole]:
    return [one for found in propose.all_rounds(ledger) for one in found.asked if one.proposer]


def _candidates(ledger: Ledger) -> list[tuple[int, Candidate]]:
    """Return all candidates with their rounds, repairs included."""
    rounds = range(FIRST_ROUND, FIRST_ROUND + propose.rounds(ledger))
    return [(round, one) for round in rounds for one in propose.proposed(ledger, round).candidates]


def _gains(ledger: Ledger) -> defaultdict[str, list[float]]:
    """Return each proposer's share in the gain of every candidate that the gate accepted and that stands."""
    found, back = defaultdict[str, list[float]](list), rolled_back(ledger)
    for round in range(FIRST_ROUND, FIRST_ROUND + propose.rounds(ledger)):
        beside = propose.proposed(ledger, round).candidates
        for one in beside:
            verdict = gate.verdict(round, one.id).find(ledger) if one.id not in back else None
            if verdict is not None and verdict.outcome == "accepted":
                by = authors(one, beside)
                for name in by:
                    found[name].append(verdict.effect.utility / len(by) if verdict.effect else 0.0)
    return found


def _answering(ledger: Ledger) -> defaultdict[str, float]:
    """Return the seconds that each proposer took to answer. Times are events, since no two runs have the same."""
    found = defaultdict[str, float](float)
    for one in times(ledger, ANSWERED):
        found[propose.payer(one.key)] += one.seconds
    return found


def _deciding(ledger: Ledger, made: list[tuple[int, Candidate]]) -> defaultdict[int, float]:
    """Return each round's seconds for screen, trainings and races, by candidate of the round."""
    found, count = defaultdict[int, float](float), defaultdict[int, int](int)
    for round, _ in made:
        count[round] += 1
    for one in times(ledger, ENDED):
        if one.phase in DECIDING and count[one.round]:
            found[one.round] += one.seconds / count[one.round]
    return found

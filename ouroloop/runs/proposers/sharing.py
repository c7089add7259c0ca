"""Sharing a slot's proposals among its proposers: by the recipe's counts, or by a bandit on accepted gain per cost.

The bandit is Thompson sampling (Thompson 1933; Russo et al. 2018, "A Tutorial on Thompson Sampling", section 3) on a ratio: a
proposal is accepted or not, an accepted one gains some utility, and each has a cost. The chance of acceptance is drawn from
its Beta posterior. Gain and cost are means, both shrunk towards those of all proposers together, since a proposer's first
acceptance says little about the next one's gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.ledger.steps import propose as steps
from ouroloop.ledger.steps.key import FIRST_ROUND
from ouroloop.ledger.steps.propose import Shared
from ouroloop.runs.proposers.credit import credit_by_proposer
from ouroloop.runs.proposers.turns import most_proposals

if TYPE_CHECKING:
    from ouroloop.protocols.records import Kind
    from ouroloop.runs.context import Run
    from ouroloop.runs.proposers.credit import Credit

WEIGHT: Final = 4.0
"""What is known of all proposers together counts as so many proposals of each."""
DOUBT: Final = 0.05
"""The chance that a proposal is accepted, before any was made."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of a proposer: the proposals asked for, those accepted, their gain in utility, and what all cost."""

    asked: int
    accepted: int
    gain: float
    cost: float


def shares(run: Run, round: int, kind: Kind) -> dict[str, int]:
    """Return how many proposals each proposer of a kind is asked for in a round; one with none is not asked."""
    counts = {name: settings.count for name, settings in run.recipe.roles.proposers(kind).items()}
    if len(counts) == 1 or round == FIRST_ROUND or run.recipe.sharing.share == "count":
        return counts
    drawn = run.step(steps.share(round, kind), {}, lambda: Shared(_drawn(run, round, kind, counts)))
    return dict(zip(counts, drawn.counts, strict=True))


def _drawn(run: Run, round: int, kind: Kind, counts: dict[str, int]) -> tuple[int, ...]:
    known = {one.name: one for one in credit_by_proposer(run.ledger, run.recipe)}
    arms = [_arm(known[name], run.recipe.sharing.per) for name in counts]
    random = np.random.default_rng(run.seed("share", round, kind))
    most = [max(count, most_proposals(run.roles[name])) if count else 0 for name, count in counts.items()]
    return thompson(random, arms, sum(counts.values()), run.recipe.gate.gain, most)


def _arm(credit: Credit, per: str) -> Arm:
    costs = {"second": credit.seconds, "usd": credit.cost_usd, "candidate": float(credit.asked)}
    return Arm(credit.asked, credit.accepted, credit.gain, costs[per])


def thompson(
    random: np.random.Generator, arms: Sequence[Arm], total: int, usual: float, most: Sequence[int]
) -> tuple[int, ...]:
    """Return how many of `total` proposals each arm gets, each by a draw of its own among the arms that are not full.

    A small chance of acceptance draws 0 for several arms, since their Beta draws underflow. Such ties are broken evenly.

    Args:
        random: draws.
        arms: what is known of each proposer.
        total: the number of proposals.
        usual: the gain of an accepted proposal, before any was accepted.
        most: the most proposals of each arm; together at least `total`.
    """
    asked, accepted = sum(arm.asked for arm in arms), sum(arm.accepted for arm in arms)
    chance = (DOUBT * WEIGHT + accepted) / (WEIGHT + asked)
    gain = (usual + sum(arm.gain for arm in arms)) / (1 + accepted)
    cost = sum(arm.cost for arm in arms) / asked if asked else 0.0
    worth = np.array([(gain + arm.gain) / (1 + arm.accepted) for arm in arms])
    price = np.array([(WEIGHT * cost + arm.cost) / (WEIGHT + arm.asked) for arm in arms])
    price = np.maximum(price, np.finfo(float).tiny)
    hits = [WEIGHT * chance + arm.accepted for arm in arms]
    misses = [WEIGHT * (1 - chance) + arm.asked - arm.accepted for arm in arms]
    rates = random.beta(hits, misses, (total, len(arms))) * worth / price
    counts = np.zeros(len(arms), np.int64)
    for drawn in rates:
        free = np.flatnonzero(counts < most)
        best = free[drawn[free] == drawn[free].max()]
        counts[best[0] if len(best) == 1 else random.choice(best)] += 1
    return tuple(map(int, counts))

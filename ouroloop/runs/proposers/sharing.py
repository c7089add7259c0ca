"""Sharing a slot's proposals among its proposers: by the recipe's counts, or by a bandit on accepted gain per cost.

The bandit is Thompson sampling (Thompson 1933; Russo et al. 2018, "A Tutorial on Thompson Sampling", section 3) on a ratio: a
proposal is accepted or not, an accepted one gains some utility, and each has a cost. The chance of acceptance is drawn from
its Beta posterior. The gain is a mean that is shrunk towards that of all proposers together, since a proposer's first
acceptance says little about the next one's gain. The cost is hardly shrunk, and as a logarithm: proposers differ in cost by
orders of magnitude, and one proposal tells by which.
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
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Kind
    from ouroloop.runs.context import Run
    from ouroloop.runs.proposers.credit import Credit

PRIOR: Final = 0.5
"""What is known of all proposers together counts as so many acceptances of each. With a tenth of that, the draws of arms that
have not won lie orders of magnitude apart, so that costs hardly matter."""
CHEAPEST: Final = 0.01
"""The least that a proposal counts for, as a share of the mean cost of all; a proposer that costs nothing would take all."""
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

    Args:
        random: draws.
        arms: what is known of each proposer.
        total: the number of proposals.
        usual: the gain of an accepted proposal, before any was accepted.
        most: the most proposals of each arm; together at least `total`.
    """
    asked, accepted = sum(arm.asked for arm in arms), sum(arm.accepted for arm in arms)
    chance = (PRIOR + accepted) / (PRIOR / DOUBT + asked)
    gain = (usual + sum(arm.gain for arm in arms)) / (1 + accepted)
    worth = np.array([(gain + arm.gain) / (1 + arm.accepted) for arm in arms])
    hits = [PRIOR + arm.accepted for arm in arms]
    misses = [PRIOR * (1 - chance) / chance + arm.asked - arm.accepted for arm in arms]
    rates = random.beta(hits, misses, (total, len(arms))) * worth / prices(arms)
    counts = np.zeros(len(arms), np.int64)
    for drawn in rates:
        counts[np.where(counts < most, drawn, -1.0).argmax()] += 1
    return tuple(map(int, counts))


def prices(arms: Sequence[Arm]) -> NDArray[np.float64]:
    """Return what a proposal of each arm costs: (A,), 1 for all if nothing has cost anything.

    It is the geometric mean of the arm's own mean, once per proposal, and once of the geometric mean over arms.
    """
    asked = np.array([arm.asked for arm in arms])
    cost = np.array([arm.cost for arm in arms])
    if not cost.any():
        return np.ones(len(arms))
    mean = cost.sum() / asked.sum()
    own = np.log(np.maximum(np.divide(cost, asked, out=np.full(len(arms), mean), where=asked > 0), CHEAPEST * mean))
    found: NDArray[np.float64] = np.exp((own[asked > 0].mean() + asked * own) / (1 + asked))
    return found

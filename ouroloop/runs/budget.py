"""Budgets stop a run cleanly between rounds, before a round that would pass one of them.

What the next round will use is estimated by the most expensive of the rounds so far. Nothing is known before the first
round, so that one is always begun; and a round that is under way is finished, because its tokens are paid for by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ouroloop.agents.roles import PROPOSERS
from ouroloop.ledger.steps.usage import usage
from ouroloop.protocols.text import shell_word

if TYPE_CHECKING:
    from ouroloop.agents.settings import Roles
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.runs.context import Run

ROUNDS_DONE = "all rounds done"


@dataclass(frozen=True, slots=True)
class Totals:
    """The resources that a run has used: games, tokens, money in US dollars, seconds in recorded steps."""

    games: int
    tokens: int
    cost_usd: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Spending:
    """The resources that a run has used, and the most tokens (`tokens`) and US dollars (`cost_usd`) that a round has."""

    total: Totals
    dearest: Mapping[str, float]


def totals(ledger: Ledger, usd_per_million: dict[str, float]) -> Totals:
    """Add up the resources that the recorded steps used; see `spending`."""
    return spending(ledger, usd_per_million).total


def spending(ledger: Ledger, usd_per_million: dict[str, float]) -> Spending:
    """Add up the resources that the recorded steps used. This reads every step that played or asked a model.

    Args:
        ledger: the run's ledger.
        usd_per_million: price in US dollars of a million tokens, by who used them (`reward`, `patch`, `diagnose`).
    """
    games, tokens, cost = 0, defaultdict[str, int](int), defaultdict[str, float](float)
    for used in usage(ledger):
        games += used.games
        tokens[used.round] += used.tokens
        cost[used.round] += used.tokens / 1e6 * usd_per_million.get(used.payer, 0.0)
    total = Totals(games, sum(tokens.values()), round(sum(cost.values()), 6), ledger.wall_s())
    return Spending(total, {"tokens": max(tokens.values(), default=0), "cost_usd": max(cost.values(), default=0.0)})


def prices(roles: Roles) -> dict[str, float]:
    """Return the price table of `totals` from the recipe's roles."""
    of_proposers: dict[str, float] = {kind: roles.of(slot).usd_per_million_tokens for kind, slot in PROPOSERS.items()}
    return {**of_proposers, "diagnose": roles.critic.usd_per_million_tokens}


def spent_up(run: Run, round: int, used: Spending) -> str:
    """Return why the run must stop before this round, or an empty text if it can go on."""
    budget = run.recipe.budget
    if round > budget.rounds:
        return ROUNDS_DONE
    for name, amount in asdict(used.total).items():
        bound, round_takes = getattr(budget, name), used.dearest.get(name, 0)
        remedy = f"go on with `ouroloop resume {shell_word(run.folder)} --set budget.{name}=MORE`"
        if bound and amount >= bound:
            return f"budget.{name} is spent ({amount:.6g} of {bound:.6g}); {remedy}"
        if bound and amount + round_takes > bound:
            left = f"{bound - amount:.6g} of {bound:.6g} are left, and a round has taken {round_takes:.6g}"
            return f"another round would pass budget.{name} ({left}); {remedy}"
    return ""

"""Budgets stop a run cleanly between rounds, before a round that would pass one of them.

What the next round will use is estimated by the most expensive of the rounds so far. Nothing is known before the first
round, so that one is always begun; and a round that is under way is finished, because its tokens are paid for by then.
"""

from __future__ import annotations

from collections import defaultdict
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


def totals(ledger: Ledger, usd_per_million: dict[str, float]) -> Totals:
    """Add up the resources that the recorded steps used.

    Args:
        ledger: the run's ledger.
        usd_per_million: price in US dollars of a million tokens, by who used them (`reward`, `patch`, `diagnose`).
    """
    games = tokens = 0
    cost = 0.0
    for used in usage(ledger):
        games += used.games
        tokens += used.tokens
        cost += used.tokens / 1e6 * usd_per_million.get(used.payer, 0.0)
    return Totals(games, tokens, round(cost, 6), ledger.wall_s())


def prices(roles: Roles) -> dict[str, float]:
    """Return the price table of `totals` from the recipe's roles."""
    of_proposers: dict[str, float] = {kind: roles.of(slot).usd_per_million_tokens for kind, slot in PROPOSERS.items()}
    return {**of_proposers, "diagnose": roles.critic.usd_per_million_tokens}


def spent_up(run: Run, round: int) -> str:
    """Return why the run must stop before this round, or an empty text if it can go on."""
    budget = run.recipe.budget
    if round > budget.rounds:
        return ROUNDS_DONE
    price = prices(run.recipe.roles)
    used, dearest = asdict(totals(run.ledger, price)), most_of_a_round(run.ledger, price)
    for name, amount in used.items():
        bound, round_takes = getattr(budget, name), dearest.get(name, 0)
        remedy = f"go on with `ouroloop resume {shell_word(run.folder)} --set budget.{name}=MORE`"
        if bound and amount >= bound:
            return f"budget.{name} is spent ({amount:.6g} of {bound:.6g}); {remedy}"
        if bound and amount + round_takes > bound:
            left = f"{bound - amount:.6g} of {bound:.6g} are left, and a round has taken {round_takes:.6g}"
            return f"another round would pass budget.{name} ({left}); {remedy}"
    return ""


def most_of_a_round(ledger: Ledger, usd_per_million: dict[str, float]) -> dict[str, float]:
    """Return the most tokens, and the most US dollars, that any round has used."""
    tokens: defaultdict[str, int] = defaultdict(int)
    cost: defaultdict[str, float] = defaultdict(float)
    for used in usage(ledger):
        tokens[used.round] += used.tokens
        cost[used.round] += used.tokens / 1e6 * usd_per_million.get(used.payer, 0.0)
    return {"tokens": max(tokens.values(), default=0), "cost_usd": max(cost.values(), default=0.0)}

"""Budgets stop a run cleanly between rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ouroloop.agents.roles import PROPOSERS
from ouroloop.ledger.steps.usage import usage

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
    if round >= budget.rounds:
        return ROUNDS_DONE
    used = totals(run.ledger, prices(run.recipe.roles))
    limits = {"wall_s": used.wall_s, "games": used.games, "tokens": used.tokens, "cost_usd": used.cost_usd}
    for name, amount in limits.items():
        bound = getattr(budget, name)
        if bound and amount >= bound:
            remedy = f"go on with `ouroloop resume {run.folder} --set budget.{name}=MORE`"
            return f"budget.{name} is spent ({amount:.6g} of {bound:.6g}); {remedy}"
    return ""

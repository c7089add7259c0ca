"""Budgets stop a run cleanly between rounds, before a round that would pass one of them.

What the next round will use is estimated by the most expensive of the rounds so far. Nothing is known before the first
round, so that one is always begun; and a round that is under way is finished, because its tokens are paid for by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ouroloop.ledger.steps.propose import rounds
from ouroloop.ledger.steps.usage import usage
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.prices import Price
from ouroloop.protocols.text import shell_word

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.agents.settings import Roles
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.runs.context import Run
    from ouroloop.runs.recipe import Recipe

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


def totals(ledger: Ledger, price: Mapping[str, Price]) -> Totals:
    """Add up the resources that the recorded steps used; see `spending`."""
    return spending(ledger, price).total


def spending(ledger: Ledger, price: Mapping[str, Price]) -> Spending:
    """Add up the resources that the recorded steps used. This reads every step that played or asked a model.

    Args:
        ledger: the run's ledger.
        price: of tokens, by who used them: the names of proposers, and `diagnose`.
    """
    games, tokens, cost = 0, defaultdict[str, int](int), defaultdict[str, float](float)
    for used in usage(ledger):
        games += used.games
        tokens[used.round] += used.tokens.total
        cost[used.round] += price.get(used.payer, Price()).of(used.tokens)
    total = Totals(games, sum(tokens.values()), round(sum(cost.values()), 6), ledger.wall_s())
    return Spending(total, {"tokens": max(tokens.values(), default=0), "cost_usd": max(cost.values(), default=0.0)})


def prices(roles: Roles) -> dict[str, Price]:
    """Return the price table of `totals` from the recipe's roles."""
    return {"diagnose": roles.critic.price, **{name: one.price for name, one in roles.all_proposers().items()}}


@dataclass(frozen=True, slots=True)
class Spent:
    """What keeps a run from another round.

    Args:
        key: the limit, a key of the recipe's `[budget]`.
        reason: what is spent; `ROUNDS_DONE` if no other limit than the rounds is reached.
    """

    key: str
    reason: str

    def extended(self, folder: Path) -> str:
        """Return the command that continues the run of a directory with more."""
        return f"ouroloop resume {shell_word(folder)} --set budget.{self.key}=MORE"


def spent_limit(recipe: Recipe, round: int, used: Spending) -> Spent | None:
    """Return the limit that keeps a run from this round, or None if it can go on."""
    budget = recipe.budget
    if round > budget.rounds:
        return Spent("rounds", ROUNDS_DONE)
    for name, amount in asdict(used.total).items():
        bound, round_takes = getattr(budget, name), used.dearest.get(name, 0)
        if bound and amount >= bound:
            return Spent(name, f"budget.{name} is spent ({amount:.6g} of {bound:.6g})")
        if bound and amount + round_takes > bound:
            left = f"{bound - amount:.6g} of {bound:.6g} are left, and a round has taken {round_takes:.6g}"
            return Spent(name, f"another round would pass budget.{name} ({left})")
    return None


def spent_up(run: Run, round: int, used: Spending) -> str:
    """Return why the run must stop before this round, and how it goes on, or an empty text if it can go on."""
    found = spent_limit(run.recipe, round, used)
    if found is None or found.reason == ROUNDS_DONE:
        return "" if found is None else ROUNDS_DONE
    return f"{found.reason}; go on with `{found.extended(run.folder)}`"


def refuse_less(recipe: Recipe, ledger: Ledger, keys: Iterable[str]) -> None:
    """Refuse limits that are below what a run has used already; raises UsageError.

    Args:
        recipe: with the new limits.
        ledger: the run's.
        keys: the keys of `[budget]` that are to change.
    """
    used = {"rounds": rounds(ledger), **asdict(totals(ledger, prices(recipe.roles)))}
    for key in keys:
        bound = getattr(recipe.budget, key)
        if bound < used[key] and (bound or key == "rounds"):
            raise UsageError(
                f"budget.{key}={bound:g} is less than the run has used already ({used[key]:.6g}): give more, or leave it out"
            )

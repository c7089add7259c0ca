"""The prices of a run's models: those that the recipe leaves out are looked up once, and kept in the run's own recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.agents.settings import AskedModel, RoleSettings
    from ouroloop.protocols.prices import Price
    from ouroloop.runs.recipe import Recipe


def with_prices(recipe: Recipe, tell: Callable[[str], None]) -> Recipe:
    """Return the recipe with the listed price of each hosted model whose price it leaves out, and tell of it.

    Raises:
        UsageError: see `refuse_unpriced`.
    """
    from ouroloop.agents.chat.pricing import listed_price

    models = dict.fromkeys(one.asks for one in recipe.roles.everyone() if one.asks is not None and one.unpriced)
    found = {asked: listed_price(asked.model, asked.base_url) for asked in models}
    kept = _priced(recipe, {asked: price for asked, price in found.items() if price is not None})
    refuse_unpriced(kept)
    for asked, price in found.items():
        if price is None:
            tell(f"no price of {asked} is listed, so its tokens count as free; usd_per_million_tokens of its role sets one")
        else:
            tell(f"{asked}: {price.read:g} USD per million tokens read, {price.written:g} written, as listed")
    return kept


def with_prices_of(recipe: Recipe, begun: Recipe) -> Recipe:
    """Return the recipe with the prices that a run of it keeps, where it leaves them out."""
    kept = (one for one in begun.roles.everyone() if one.usd_per_million_tokens is not None)
    return _priced(recipe, {one.asks: one.price for one in kept if one.asks is not None})


def refuse_unpriced(recipe: Recipe) -> None:
    """Refuse a limit of money that would not hold; raises UsageError.

    That is one with a hosted model that the run asks, and whose price neither the recipe nor the list gives.
    """
    if not recipe.budget.cost_usd:
        return
    for one in (recipe.roles.critic, *(each for each in recipe.roles.all_proposers().values() if each.count)):
        if one.unpriced:
            raise UsageError(
                f"no price of {one.asks} is known, so budget.cost_usd={recipe.budget.cost_usd:g} would not hold: give "
                "usd_per_million_tokens of its role, 0 if it is free, or limit budget.tokens instead"
            )


def _priced(recipe: Recipe, prices: Mapping[AskedModel, Price]) -> Recipe:
    def change(one: RoleSettings) -> RoleSettings:
        price = prices.get(one.asks) if one.asks is not None and one.unpriced else None
        return one if price is None else one.priced(price)

    return recipe.model_copy(update={"roles": recipe.roles.changed(change)})

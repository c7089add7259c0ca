"""The prices of a run's models: those that the recipe leaves out are looked up once, and kept in the run's own recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ouroloop.agents.settings import RoleSettings
    from ouroloop.protocols.prices import Price
    from ouroloop.runs.recipe import Recipe


def with_prices(recipe: Recipe, tell: Callable[[str], None]) -> Recipe:
    """Return the recipe with the listed price of each hosted model whose price it leaves out, and tell of it."""
    from ouroloop.agents.chat.pricing import listed_price

    found: dict[str, Price] = {}
    for model in dict.fromkeys(one.model for one in recipe.roles.everyone() if one.model is not None and one.unpriced):
        if (price := listed_price(model)) is None:
            tell(f"no price of {model} is listed, so its tokens count as free; usd_per_million_tokens of its role sets one")
        else:
            tell(f"{model}: {price.read:g} USD per million tokens read, {price.written:g} written, as listed")
            found[model] = price
    return _priced(recipe, found)


def with_prices_of(recipe: Recipe, begun: Recipe) -> Recipe:
    """Return the recipe with the prices that a run of it keeps, where it leaves them out."""
    return _priced(
        recipe, {one.model: one.price for one in begun.roles.everyone() if one.model and one.usd_per_million_tokens is not None}
    )


def _priced(recipe: Recipe, prices: Mapping[str, Price]) -> Recipe:
    def change(one: RoleSettings) -> RoleSettings:
        price = prices.get(one.model or "") if one.unpriced else None
        return one if price is None else one.priced(price)

    return recipe.model_copy(update={"roles": recipe.roles.changed(change)})

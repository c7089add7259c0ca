"""Prices of models: listed ones are kept with the run, those of the recipe stay, and one's own endpoint is free."""

from __future__ import annotations

import pytest

from ouroloop.agents.chat.pricing import listed_price
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.prices import Price
from ouroloop.runs.proposers.prices import with_prices, with_prices_of
from ouroloop.runs.recipe import Recipe, build_recipe

OWN = (
    "http://127.0.0.1:1/v1", "http://[::1]:1/v1", "http://localhost:1/v1", "https://192.168.1.7/v1", "http://10.0.0.2:8000",
    "http://gpu7:8000/v1", "http://gpu7.local/v1", "HTTP://GPU7.LOCAL/v1", "http://0.0.0.0:8000/v1",
)  # fmt: skip


def recipe(**patcher: object) -> Recipe:
    return build_recipe({"roles": {"code_patcher": patcher}})


def test_a_hosted_model_has_its_listed_price_and_an_unknown_one_none() -> None:
    price = listed_price("openai:gpt-4o-mini")
    assert price is not None
    assert 0 < price.cached <= price.read < price.written
    assert price.stored == price.read
    own = listed_price("anthropic:claude-sonnet-4-5")
    assert own is not None
    assert own.cached < own.read < own.stored
    assert listed_price("openai:no-such-model") is None
    assert listed_price("nobody:gpt-4o-mini") is None


def test_the_run_keeps_the_listed_price() -> None:
    told: list[str] = []
    kept = with_prices(recipe(model="openai:gpt-4o-mini"), told.append)
    assert kept.roles.code_patcher[0].price == listed_price("openai:gpt-4o-mini")
    assert told == ["openai:gpt-4o-mini: 0.15 USD per million tokens read, 0.6 written, as listed"]
    assert with_prices(kept, told.append) == kept
    assert with_prices_of(recipe(model="openai:gpt-4o-mini"), kept) == kept
    assert len(told) == 1


def test_what_the_recipe_says_of_the_price_stays() -> None:
    kept = with_prices(recipe(model="openai:gpt-4o-mini", usd_per_million_written=9.0), lambda _: None)
    assert kept.roles.code_patcher[0].price.written == 9.0
    own = recipe(model="openai:gpt-4o-mini", usd_per_million_tokens=0.0)
    assert with_prices(own, pytest.fail) == own


@pytest.mark.parametrize(
    "patcher",
    [
        *({"model": "openai:gpt-4o-mini", "base_url": url} for url in OWN),
        {"model": "local:x"}, {"count": 2}, {"config": {"model": "weights.pt"}},
    ],
)  # fmt: skip
def test_an_endpoint_of_ones_own_is_free(patcher: dict[str, object]) -> None:
    own = recipe(**patcher)
    assert with_prices(own, pytest.fail) == own
    assert own.roles.code_patcher[0].price == Price()


def test_ollama_is_ones_own_unless_it_is_elsewhere() -> None:
    for base_url, unpriced in ((None, False), (OWN[0], False), ("https://models.example.com", True)):
        assert recipe(model="ollama:qwen3", base_url=base_url).roles.code_patcher[0].unpriced is unpriced


def test_a_model_without_a_listed_price_is_named() -> None:
    told: list[str] = []
    with_prices(recipe(model="openai:no-such-model"), told.append)
    assert told == [
        "no price of openai:no-such-model is listed, so its tokens count as free; usd_per_million_tokens of its role sets one"
    ]


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ({"model": "openai:gpt-4o", "base_url": "https://api.openai.com/v1"}, "openai:gpt-4o"),
        ({"model": "openai:openai/gpt-4o", "base_url": "https://openrouter.ai/api/v1"}, "openrouter:openai/gpt-4o"),
        ({"use": "chat-patcher", "config": {"model": "openai:gpt-4o"}}, "openai:gpt-4o"),
    ],
)
def test_a_hosted_model_has_a_price_whatever_names_its_address(asked: dict[str, object], listed: str) -> None:
    told: list[str] = []
    kept = with_prices(recipe(**asked), told.append)
    assert kept.roles.code_patcher[0].price == listed_price(listed)
    assert kept.roles.code_patcher[0].price.read > 0
    assert len(told) == 1
    assert with_prices_of(recipe(**asked), kept) == kept


@pytest.mark.parametrize("base_url", [None, "https://models.example.com/v1", "http://8.8.8.8/v1", "http://[half/v1"])
def test_a_limit_of_money_needs_a_price(base_url: str | None) -> None:
    asked = {"model": "openai:no-such-model", "base_url": base_url}

    def limited(**more: object) -> Recipe:
        return build_recipe({"budget": {"cost_usd": 1.0}, "roles": {"code_patcher": {**asked, **more}}})

    with pytest.raises(UsageError, match=r"no price of openai:no-such-model.*budget\.cost_usd=1 .*usd_per_million_tokens"):
        with_prices(limited(), pytest.fail)
    free = limited(usd_per_million_tokens=0.0)
    assert with_prices(free, pytest.fail) == free
    with_prices(limited(count=0), lambda _: None)

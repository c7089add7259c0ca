"""The settings of the roles in a recipe."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue, SerializerFunctionWrapHandler, WrapSerializer, model_validator

from ouroloop.agents.chat.addresses import is_own
from ouroloop.agents.chat.config import ENV_NAME, KEY_ENV, MODEL_NAME, MOST_TOKENS, refuse_secrets
from ouroloop.agents.local.catalog import is_local
from ouroloop.agents.roles import PROPOSERS, RoleSlot, slot_of
from ouroloop.protocols.prices import Price
from ouroloop.protocols.records import Frozen, Kind

PRICES: Final = {
    "read": "usd_per_million_tokens",
    "cached": "usd_per_million_cached",
    "written": "usd_per_million_written",
    "stored": "usd_per_million_stored",
}
"""Part of a `Price` -> its key."""


SELF_SERVED: Final = "ollama:"
"""The provider whose models run on one's own machine by default."""


@dataclass(frozen=True, slots=True)
class AskedModel:
    """A chat model that a role asks, and the address of its endpoint; None for the provider's own."""

    model: str
    base_url: str | None

    def __str__(self) -> str:
        """Return what a message calls it."""
        return f"{self.model} at {self.base_url}" if self.base_url else self.model

    @property
    def hosted(self) -> bool:
        """Whether someone else serves it, who may charge."""
        served_here = is_own(self.base_url) if self.base_url else self.model.startswith(SELF_SERVED)
        return not (served_here or is_local(self.model))


class RoleSettings(Frozen):
    """Who answers for one role.

    `use` names an entry point or an import path (`package.module:Class` or `path/to/file.py:Class`). `model` asks a
    chat model instead, e.g. `openai:NAME` with `base_url`, or `local:NAME` or `vllm:NAME` for one that `ouroloop models`
    knows; with `use` beside it, that role asks the model. `count` is the number of proposals per round, and `timeout_s` the
    time for an answer, or for each of a chat model's. `repairs` says how often in a round the role may repair what the
    screen refused of its proposals; by default once for a chat model, and never for others. `config` holds the role's own
    settings.
    """

    use: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_key_env: str = Field(default=KEY_ENV, pattern=ENV_NAME)
    temperature: float = Field(default=0.7, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0, le=86_400)
    max_tokens: int = Field(default=2000, ge=16, le=MOST_TOKENS)
    usd_per_million_tokens: float | None = Field(default=None, ge=0, le=1_000_000)
    usd_per_million_written: float | None = Field(default=None, ge=0, le=1_000_000)
    usd_per_million_cached: float | None = Field(default=None, ge=0, le=1_000_000)
    usd_per_million_stored: float | None = Field(default=None, ge=0, le=1_000_000)
    count: int = Field(default=3, ge=0, le=64)
    repairs: int | None = Field(default=None, ge=0, le=8)
    config: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def price(self) -> Price:
        """The price of tokens; all others cost as much as read ones unless the recipe says otherwise."""
        given = {part: getattr(self, key) for part, key in PRICES.items()}
        return Price(**{part: (given["read"] or 0.0) if usd is None else usd for part, usd in given.items()})

    @property
    def asks(self) -> AskedModel | None:
        """The model that it asks, which its `config` may name as well; None if it asks none."""
        given = {"model": self.model, "base_url": self.base_url, **self.config}
        model, base_url = given["model"], given["base_url"]
        if not isinstance(model, str) or (self.model is None and not re.match(MODEL_NAME, model)):
            return None
        return AskedModel(model, base_url if isinstance(base_url, str) and base_url else None)

    @property
    def attempts(self) -> int:
        """How often in a round the role may repair."""
        return self.repairs if self.repairs is not None else int(self.model is not None)

    @property
    def unpriced(self) -> bool:
        """Whether it asks a hosted model, and the recipe gives no price."""
        return self.asks is not None and self.asks.hosted and self.usd_per_million_tokens is None

    def priced(self, price: Price) -> RoleSettings:
        """Return these settings with a price; parts of it that the recipe gives stay."""
        own = self.model_dump(include=set(PRICES.values()), exclude_none=True)
        listed = {key: getattr(price, part) for part, key in PRICES.items()}
        return self.model_copy(update={**listed, **own})


def _default(name: str) -> RoleSettings:
    slot = slot_of(name)
    return RoleSettings(use=slot.use, count=slot.count)


def _listed(tables: Any) -> Any:
    """Take one table for a list of one."""
    return [tables] if isinstance(tables, Mapping | RoleSettings) else tables


def _unlisted(proposers: tuple[RoleSettings, ...], write: SerializerFunctionWrapHandler) -> Any:
    """Write a list of one as a table."""
    tables = write(proposers)
    return tables[0] if len(tables) == 1 else tables


Proposers: TypeAlias = Annotated[
    tuple[RoleSettings, ...], BeforeValidator(_listed), Field(min_length=1, max_length=8), WrapSerializer(_unlisted)
]
"""Who proposes for one slot: a table, or a list of tables (`[[roles.code_patcher]]`)."""


class Sharing(Frozen):
    """How the proposers of a slot share its proposals.

    With `count`, each is asked for its own `count` in every round. With `bandit`, that is so in the first round. Later each
    proposal of the slot goes to a proposer drawn by Thompson sampling on the accepted gain per unit of cost, `per`. Seconds
    are read from the clock, so two runs with the same seed may then share differently.
    """

    share: Literal["count", "bandit"] = "count"
    per: Literal["second", "usd", "candidate"] = "second"


class Roles(Frozen):
    """The roles of a run: one field for each slot of `roles.ROLES`. A slot that proposes may have several roles.

    A proposer's name in keys and records is its kind, `patch`, and from the second of its slot on also its place, `patch.2`.
    """

    critic: RoleSettings = _default("critic")
    reward_designer: Proposers = (_default("reward_designer"),)
    code_patcher: Proposers = (_default("code_patcher"),)

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, tables: Any) -> Any:
        """Fill in partial tables with the slot's own defaults; a model takes the place of `use`."""
        if not isinstance(tables, dict):
            return tables
        refuse_secrets(tables, "roles.")
        filled = dict(tables)
        for name, table in tables.items():
            if name in cls.model_fields:
                slot = slot_of(name)
                several = isinstance(table, list | tuple)
                filled[name] = [_filled(one, slot) for one in table] if several else _filled(table, slot)
        return filled

    @property
    def see(self) -> bool:
        """Whether a patcher is asked that takes pictures."""
        return any(one.count and one.config.get("sees") is True for one in self.code_patcher)

    def of(self, slot: RoleSlot) -> tuple[RoleSettings, ...]:
        """Return the settings of all roles of a slot."""
        return getattr(self, slot.name) if slot.proposes else (getattr(self, slot.name),)

    def changed(self, change: Callable[[RoleSettings], RoleSettings]) -> Roles:
        """Return roles whose settings are each what a function makes of them."""
        proposing = {slot.name: tuple(map(change, self.of(slot))) for slot in PROPOSERS.values()}
        return self.model_copy(update={"critic": change(self.critic), **proposing})

    def proposers(self, kind: Kind) -> dict[str, RoleSettings]:
        """Return the settings of all who propose candidates of a kind, by name."""
        each = enumerate(self.of(PROPOSERS[kind]), 1)
        return {kind if place == 1 else f"{kind}.{place}": settings for place, settings in each}

    def everyone(self) -> tuple[RoleSettings, ...]:
        """Return the settings of all roles."""
        return self.critic, *self.all_proposers().values()

    def all_proposers(self) -> dict[str, RoleSettings]:
        """Return the settings of all who propose, by name."""
        return {name: settings for kind in PROPOSERS for name, settings in self.proposers(kind).items()}


def _filled(table: Any, slot: RoleSlot) -> Any:
    """Complete one table with the defaults of its slot."""
    if not isinstance(table, dict):
        return table
    return {"count": slot.count, **({} if table.get("model") else {"use": slot.use}), **table}

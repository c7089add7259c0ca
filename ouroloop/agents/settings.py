"""The settings of the roles in a recipe."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from ouroloop.agents.chat.config import ENV_NAME, MOST_TOKENS, refuse_secrets
from ouroloop.agents.roles import RoleSlot, slot_of
from ouroloop.protocols.prices import Price
from ouroloop.protocols.records import Frozen


class RoleSettings(Frozen):
    """Who answers for one role.

    `use` names an entry point or an import path (`package.module:Class` or `path/to/file.py:Class`). `model` asks a
    chat model instead, e.g. `openai:NAME` with `base_url`, or `local:NAME` for one that `ouroloop models` knows. `count` is
    the number of proposals per round, and `timeout_s` the time for an answer, or for each of a chat model's. `repairs` says how
    often in a round the role may repair what the screen refused of its proposals; by default once for a chat model, and never
    for others. `config` holds the role's own settings.
    """

    use: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_key_env: str = Field(default="OPENAI_API_KEY", pattern=ENV_NAME)
    temperature: float = Field(default=0.7, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0, le=86_400)
    max_tokens: int = Field(default=2000, ge=16, le=MOST_TOKENS)
    usd_per_million_tokens: float = Field(default=0.0, ge=0, le=1_000_000)
    usd_per_million_written: float | None = Field(default=None, ge=0, le=1_000_000)
    usd_per_million_cached: float | None = Field(default=None, ge=0, le=1_000_000)
    count: int = Field(default=3, ge=0, le=64)
    repairs: int | None = Field(default=None, ge=0, le=8)
    config: dict[str, Any] = Field(default_factory=dict)

    @property
    def price(self) -> Price:
        """The price of tokens; written and cached ones cost as much as read ones unless the recipe says otherwise."""
        read, cached, written = self.usd_per_million_tokens, self.usd_per_million_cached, self.usd_per_million_written
        return Price(read, read if cached is None else cached, read if written is None else written)

    @property
    def attempts(self) -> int:
        """How often in a round the role may repair."""
        return self.repairs if self.repairs is not None else int(self.model is not None)


def _default(name: str) -> RoleSettings:
    slot = slot_of(name)
    return RoleSettings(use=slot.use, count=slot.count)


class Roles(Frozen):
    """The roles of a run: one table, and so one field, for each slot of `roles.ROLES`."""

    critic: RoleSettings = _default("critic")
    reward_designer: RoleSettings = _default("reward_designer")
    code_patcher: RoleSettings = _default("code_patcher")

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, tables: Any) -> Any:
        """Fill in a partial table with that role's own defaults; a model takes the place of `use`."""
        if not isinstance(tables, dict):
            return tables
        refuse_secrets(tables, "roles.")
        filled = dict(tables)
        for name, table in tables.items():
            if name in cls.model_fields and isinstance(table, dict):
                slot = slot_of(name)
                filled[name] = {"count": slot.count, **({} if table.get("model") else {"use": slot.use}), **table}
        return filled

    def of(self, slot: RoleSlot) -> RoleSettings:
        """Return the settings of a slot."""
        settings: RoleSettings = getattr(self, slot.name)
        return settings

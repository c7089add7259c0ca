"""Which model answers, within which limits, and how a server's counts are taken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.secrets import secrets_in

MOST_TOKENS: Final = 10_000_000
"""No exchange has more tokens than this; an endpoint that counts more is wrong."""
CHARACTERS_PER_TOKEN: Final = 4
"""A usual rate in English text and code."""
ENV_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
KEY_ENV: Final = "OPENAI_API_KEY"
MODEL_NAME: Final = r"^[a-z0-9_]+:.+$"


class ChatConfig(Frozen):
    """Which model answers, and within which limits.

    Args:
        model: `PROVIDER:NAME` as LangChain writes it, e.g. `openai:NAME` for any OpenAI-compatible endpoint.
        base_url: the endpoint, e.g. `http://127.0.0.1:8000/v1`; the provider's own if absent.
        api_key_env: environment variable that holds the key; local servers need none. Left out, a provider other than
            `openai` takes the key from its own variable.
        temperature: sampling temperature.
        timeout_s: seconds for one question, retries included.
        max_tokens: the most tokens in one reply.
        retries: further attempts after the connection or the server failed.
        parallel: the most questions at a time; a local model's server has its own number.
        stream: take the reply as a stream of events, for servers that know no other form.
        structured: whether a reward is asked for by its JSON schema, which constrains the server's decoding. `auto` asks so
            until the server refuses, `off` never does.
        sees: whether the model takes pictures; a patcher then sends lost games as text and as pictures.
        prompt_cache: ask Anthropic to keep the conversation for the next question. That costs a quarter more, so it pays
            where a conversation goes on. Other providers cache by themselves.
    """

    model: str = Field(pattern=MODEL_NAME)
    base_url: str | None = None
    api_key_env: str = Field(default=KEY_ENV, pattern=ENV_NAME)
    temperature: float = Field(default=0.8, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0, le=86_400)
    max_tokens: int = Field(default=2048, ge=1, le=MOST_TOKENS)
    retries: int = Field(default=1, ge=0, le=5)
    parallel: int = Field(default=8, ge=1, le=64)
    stream: bool = False
    structured: Literal["auto", "off"] = "auto"
    sees: bool = False
    prompt_cache: bool = False

    @property
    def key_env(self) -> str | None:
        """The variable that holds the key; None if the provider's own does."""
        return self.api_key_env if self.model.startswith("openai:") or self.api_key_env != KEY_ENV else None

    @property
    def offers_tools(self) -> bool:
        """Whether functions are offered to the model."""
        return False

    @model_validator(mode="before")
    @classmethod
    def _hold_no_secret(cls, table: Any) -> Any:
        if isinstance(table, dict):
            refuse_secrets(table, "")
        return table


def key_in(variable: str) -> str:
    """Return the key in an environment variable, empty without one; a key that was read from a file ends in a line feed."""
    return os.environ.get(variable, "").strip()


def refuse_secrets(table: Mapping[str, object], where: str) -> None:
    """Refuse settings that hold a password or a key: they are saved with the run.

    Raises:
        UsageError: names the key of the first secret, but not the secret, and says where it belongs.
    """
    for key, what in secrets_in(table):
        raise UsageError(
            f"{where}{key} holds {what}, which the run's recipe, ledger and logs would keep: put it into an environment "
            "variable, and name that variable in api_key_env"
        )


def counted(said: object, characters: int) -> int:
    """Return a count of tokens: what the endpoint says if that can be true, else an estimate from the text's length.

    A budget of tokens therefore also holds with an endpoint that counts nothing, or nonsense.
    """
    if type(said) is int and min(1, characters) <= said <= MOST_TOKENS:
        return said
    return -(-characters // CHARACTERS_PER_TOKEN)

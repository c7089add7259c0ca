"""The chat backend of the roles that ask a model: any provider of LangChain's `init_chat_model`, one question at a time.

A role keeps its backend in the attribute `chat` (the `Chat` protocol), so that a wrapper can put a recorder or a replay
in front of it. LangChain is imported at the first question.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic import Field, model_validator

from ouroloop.protocols.errors import ModelError, UsageError
from ouroloop.protocols.messages import TEXT
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.secrets import redacted, secrets_in
from ouroloop.protocols.text import plain_line, whole

MOST_TOKENS: Final = 10_000_000
"""No exchange has more tokens than this; an endpoint that counts more is wrong."""
CHARACTERS_PER_TOKEN: Final = 4
"""A usual rate in English text and code."""


ENV_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"


class ChatConfig(Frozen):
    """Which model answers, and within which limits.

    Args:
        model: `PROVIDER:NAME` as LangChain writes it, e.g. `openai:NAME` for any OpenAI-compatible endpoint.
        base_url: the endpoint, e.g. `http://127.0.0.1:8000/v1`; the provider's own if absent.
        api_key_env: environment variable that holds the key; local servers need none.
        temperature: sampling temperature.
        timeout_s: seconds for one question, retries included.
        max_tokens: the most tokens in one reply.
        retries: further attempts after the connection or the server failed.
        calls: the most questions for one request, each for one candidate; it cuts a larger `count` of the recipe, and the run
            notes that.
    """

    model: str = Field(pattern=r"^[a-z0-9_]+:.+$")
    base_url: str | None = None
    api_key_env: str = Field(default="OPENAI_API_KEY", pattern=ENV_NAME)
    temperature: float = Field(default=0.8, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0, le=86_400)
    max_tokens: int = Field(default=2048, ge=1, le=MOST_TOKENS)
    retries: int = Field(default=1, ge=0, le=5)
    calls: int = Field(default=4, ge=1, le=64)

    @model_validator(mode="before")
    @classmethod
    def _hold_no_secret(cls, table: Any) -> Any:
        if isinstance(table, dict):
            refuse_secrets(table, "")
        return table


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


def cut(config: ChatConfig, count: int) -> tuple[int, str]:
    """Return how many of `count` candidates the model is asked for, and a note if those are fewer."""
    if count <= config.calls:
        return count, ""
    return config.calls, f"the model was asked for {config.calls} of {count}, because config.calls is {config.calls}: raise it"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A model's text, and the tokens that the endpoint counted, or our estimate; see `counted`."""

    text: str
    tokens_in: int
    tokens_out: int


class Chat(Protocol):
    """Something that answers a conversation."""

    async def complete(self, messages: list[dict[str, str]], seed: int) -> ChatReply:
        """Return the reply to a conversation, whose messages each have a `role` and a `content`.

        Raises:
            ModelError: no reply came; one line gives the endpoint, the cause and the remedy.
        """
        ...


class LangChainChat:
    """A `Chat` through LangChain.

    Args:
        config: model and limits.
    """

    def __init__(self, config: ChatConfig) -> None:
        """Keep the config; import and contact nothing yet."""
        self.config = config
        self.endpoint = f"{config.model} at {config.base_url or 'its default endpoint'}"

    async def complete(self, messages: list[dict[str, str]], seed: int) -> ChatReply:
        """Ask once, within `timeout_s`; see `Chat`."""
        import openai

        model = self._model(seed)
        try:
            async with asyncio.timeout(self.config.timeout_s):
                answer = await model.ainvoke(messages)
        except (TimeoutError, openai.APITimeoutError) as error:
            raise self._failed(
                f"no reply within {self.config.timeout_s:g} s", "raise timeout_s or use a faster model"
            ) from error
        except openai.APIConnectionError as error:
            raise self._failed("connection refused or lost", "start the server or correct base_url") from error
        except openai.APIStatusError as error:
            raise self._failed(f"HTTP {error.status_code}", _status_remedy(error.status_code, self.config)) from error
        except Exception as error:  # the boundary: a server that answers with no chat completion makes clients raise anything
            raise self._failed(
                f"no chat completion ({_line(error)})", "check that base_url is an OpenAI-compatible /v1"
            ) from error
        try:
            return self._reply(answer, messages)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise self._failed(f"no chat completion ({_line(error)})", "use an OpenAI-compatible server") from error

    def _model(self, seed: int) -> Any:
        """Return the LangChain model. It is built per question, because its HTTP client belongs to the running event loop."""
        config = self.config
        settings: dict[str, Any] = {
            "temperature": config.temperature,
            "timeout": config.timeout_s,
            "max_tokens": config.max_tokens,
        }
        if config.base_url is not None:
            settings["base_url"] = config.base_url
        if config.model.startswith("openai:"):
            settings |= {"api_key": os.environ.get(config.api_key_env) or "none", "seed": seed % 2**31}
        try:
            from langchain.chat_models import init_chat_model

            return init_chat_model(config.model, max_retries=config.retries, **settings)
        except ImportError as error:
            raise self._failed(_line(error), "install the provider's LangChain package") from error
        except ValueError as error:
            raise self._failed(_line(error), "name a model as PROVIDER:NAME, e.g. openai:NAME") from error

    def _reply(self, answer: Any, messages: list[dict[str, str]]) -> ChatReply:
        if refusal := answer.additional_kwargs.get("refusal"):
            raise self._failed(f"refused: {plain_line(str(refusal), 120)}", "reword the prompt or use another model")
        text = str(answer.text)
        if not text.strip():
            raise self._failed("empty reply", "raise max_tokens or use another model")
        if len(text) > TEXT:
            raise self._failed(f"a reply of {len(text)} characters, at most {TEXT} are taken", "lower max_tokens")
        usage = answer.usage_metadata or {}
        asked = sum(len(message["content"]) for message in messages)
        tokens = counted(usage.get("input_tokens"), asked), counted(usage.get("output_tokens"), len(text))
        return ChatReply(whole(text), *tokens)

    def _failed(self, what: str, remedy: str) -> ModelError:
        said, key = f"model {self.endpoint}: {what}; {remedy}", os.environ.get(self.config.api_key_env, "")
        return ModelError(redacted(said.replace(key, "***") if len(key) >= 8 else said))


async def ask_all(chat: Chat, conversations: Sequence[tuple[list[dict[str, str]], int]]) -> list[ChatReply | ModelError]:
    """Ask all (messages, seed) questions concurrently; return a reply or an error for each, in order.

    Raises:
        ModelError: no question was answered.
    """

    async def one(messages: list[dict[str, str]], seed: int) -> ChatReply | ModelError:
        try:
            return await chat.complete(messages, seed)
        except ModelError as error:
            return error

    answers = await asyncio.gather(*(one(messages, seed) for messages, seed in conversations))
    failed = [answer for answer in answers if isinstance(answer, ModelError)]
    if answers and len(failed) == len(answers):
        raise ModelError(str(failed[0]), tuple((str(error), None) for error in failed)) from failed[0]
    return list(answers)


def _status_remedy(status: int, config: ChatConfig) -> str:
    if status in (401, 403):
        return f"put a valid key into {config.api_key_env}"
    if status == 404:
        return "check the model's name and base_url"
    if status == 429:
        return "wait, or ask for fewer candidates"
    return "look at the server's log" if status >= 500 else "check the model's name and settings"


def _line(error: BaseException) -> str:
    return plain_line(f"{type(error).__name__}: {error}", 160)

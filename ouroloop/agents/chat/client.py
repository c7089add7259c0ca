"""A chat model through LangChain: one question, and what of it the server refuses is left out at the next try."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from ouroloop.agents.chat.config import ChatConfig, counted
from ouroloop.agents.chat.endings import Ending, ending
from ouroloop.agents.chat.faults import Faults, body_of, is_too_long, said_by, status_of
from ouroloop.agents.chat.loop import on_chat_loop
from ouroloop.agents.chat.records import ChatReply, Message
from ouroloop.agents.local.catalog import is_local, weights_of
from ouroloop.agents.local.serving import Endpoint, endpoint, places
from ouroloop.protocols.errors import ModelError, SurroundingsError, UsageError
from ouroloop.protocols.messages import TEXT
from ouroloop.protocols.prices import Tokens, tokens_of
from ouroloop.protocols.text import plain_line, whole

OWN_HOST: Final = "api.openai.com"
"""The host that wants `max_completion_tokens`. Other servers of the same protocol know `max_tokens`."""
OPTIONAL: Final = {
    "response_format": r"response_?format|json_?schema|structured|grammar|guided",
    "temperature": "temperature",
    "seed": "seed",
    "max_completion_tokens": "max_completion_tokens",
    "max_tokens": r"max_tokens",
    "cache_control": "cache_control",
}
"""What a server may refuse of a question -> how it names that. The question is asked again without it."""
JSON_SCHEMA: Final = "json_schema"
ASKED_TO_CACHE: Final = "anthropic:"
"""The provider that puts a conversation into its prompt cache only when asked; the others do so by themselves."""
STORED: Final = ("cache_creation", "ephemeral_")
"""How LangChain's names of tokens that went into a cache begin; it counts none of them twice."""
_REFUSAL: Final = re.compile(
    r"unsupported|not support|unrecognized|unknown|invalid|not (permitted|allowed)|extra|deprecated|literal_error|should be",
    re.I,
)


class LangChainChat:
    """A `Chat` through LangChain.

    Args:
        config: model and limits.
    """

    def __init__(self, config: ChatConfig) -> None:
        """Keep the config; import and contact nothing yet."""
        self.config = config
        self._faults = Faults(config)
        self._refused: set[str] = set()
        self._places = asyncio.Semaphore(places(config.model) or config.parallel)

    async def complete(self, messages: list[Message], seed: int, schema: Mapping[str, Any] | None = None) -> ChatReply:
        """Ask once, within `timeout_s`; see `Chat`."""
        try:
            served = await asyncio.to_thread(self._served)
            answer = await on_chat_loop(self._timed(messages, seed, schema, served))
        except (ModelError, UsageError):
            raise
        except SurroundingsError as error:
            raise ModelError(plain_line(str(error), 600)) from error
        except Exception as error:  # the boundary: a server that answers with no chat completion makes clients raise anything
            raise self._faults.of(error) from error
        try:
            return self._reply(answer, messages)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise self._faults.no_completion(error) from error

    async def _timed(self, messages: list[Message], seed: int, schema: Mapping[str, Any] | None, served: Endpoint) -> Any:
        """Ask within `timeout_s`, which does not count the wait for a place."""
        async with self._places, asyncio.timeout(self.config.timeout_s):
            return await self._asked(messages, seed, schema, served)

    async def _asked(self, messages: list[Message], seed: int, schema: Mapping[str, Any] | None, served: Endpoint) -> Any:
        """Ask; leave out what the server says it does not take, one thing after the other."""
        while True:
            settings = self._settings(seed, schema)
            try:
                return await self._model(settings, served).ainvoke(messages)
            except Exception as error:
                refused = self._refusal(error, settings)
                if refused is None:
                    raise
                self._refused.add(refused)

    def _served(self) -> Endpoint:
        """Return the endpoint; that of a local model is started first."""
        config = self.config
        if is_local(config.model):
            return endpoint(config.model)
        return Endpoint(config.base_url or "", os.environ.get(config.api_key_env) or "none")

    def _settings(self, seed: int, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the optional parameters of a question, by their names on the wire."""
        config, local = self.config, is_local(self.config.model)
        openai = local or config.model.startswith("openai:")
        settings: dict[str, Any] = {"temperature": config.temperature}
        if not openai:
            settings["max_tokens"] = config.max_tokens
            if config.prompt_cache and config.model.startswith(ASKED_TO_CACHE):
                settings["cache_control"] = {"type": "ephemeral"}
        else:
            own = not local and (config.base_url is None or urlsplit(config.base_url).hostname == OWN_HOST)
            names = ("max_completion_tokens", "max_tokens") if own else ("max_tokens", "max_completion_tokens")
            known = next((name for name in names if name not in self._refused), names[0])
            settings |= {known: config.max_tokens, "seed": seed % 2**31}
            if local and (stop := weights_of(config.model).stop):
                settings["stop"] = [stop]
            if schema is not None and config.structured == "auto":
                settings["response_format"] = self._form(schema)
        return {name: value for name, value in settings.items() if name not in self._refused}

    def _form(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return how the reply's form is asked for: as OpenAI and vLLM know it, or as llama.cpp does."""
        if JSON_SCHEMA not in self._refused:
            return {"type": JSON_SCHEMA, JSON_SCHEMA: {"name": "reply", "schema": dict(schema)}}
        return {"type": "json_object", "schema": dict(schema)}

    def _model(self, asked: Mapping[str, Any], served: Endpoint) -> Any:
        """Return the LangChain model, which asks with these parameters."""
        config, settings = self.config, dict(asked)
        given: dict[str, Any] = {"timeout": config.timeout_s, "max_retries": config.retries}
        if served.base_url:
            given["base_url"] = served.base_url
        model = f"openai:{weights_of(config.model).name}" if is_local(config.model) else config.model
        if model.startswith("openai:"):
            ours = {name: value for name, value in settings.items() if name not in ("temperature", "seed")}
            # Given as the body's own keys, so that LangChain does not rename them.
            given |= {"api_key": served.key, "extra_body": ours, "streaming": config.stream}
            if config.stream:
                given["stream_usage"] = True
            settings = {name: value for name, value in settings.items() if name in ("temperature", "seed")}
        elif config.key_env is not None:
            if not (key := os.environ.get(config.key_env)):
                raise self._faults.failed(f"{config.key_env} holds no key", "set it, or leave api_key_env out")
            given["api_key"] = key
        if "cache_control" in settings:
            given["model_kwargs"] = {"cache_control": settings.pop("cache_control")}
        try:
            from langchain.chat_models import init_chat_model

            return init_chat_model(model, **given, **settings)
        except ImportError as error:
            said = plain_line(f"{type(error).__name__}: {error}", 160)
            raise self._faults.failed(said, "install the provider's LangChain package") from error
        except ValueError as error:
            said = plain_line(f"{type(error).__name__}: {error}", 160)
            raise self._faults.failed(said, "name a model as PROVIDER:NAME, e.g. openai:NAME") from error

    def _refusal(self, error: Exception, settings: Mapping[str, Any]) -> str | None:
        """Return the parameter that a server refuses; None if the error has another cause.

        `settings` are those of the refused question: others that were asked beside it may have been refused meanwhile.
        """
        if status_of(error) not in (400, 422, 500, 501) or is_too_long(error):
            return None
        body, said = body_of(error), said_by(error)
        named = body.get("param") if isinstance(body, dict) else None
        if named not in settings:
            if not _REFUSAL.search(said):
                return None
            known = (name for name, words in OPTIONAL.items() if name in settings and re.search(rf"\b({words})", said, re.I))
            named = next(known, None)
        if named == "response_format" and settings["response_format"]["type"] == JSON_SCHEMA:
            return JSON_SCHEMA
        return named

    def _reply(self, answer: Any, messages: list[Message]) -> ChatReply:
        streamed = self.config.stream and self.config.model.startswith("openai:")
        finish, named = ending(getattr(answer, "response_metadata", None) or {}, streamed=streamed)
        text = str(answer.text)
        used = _used(answer, messages, text)
        if finish == "broken":
            said = f"the server broke the reply off ({plain_line(named, 40) or 'a stream without an end'})"
            raise self._faults.failed(said, "look at the server's log, or use another endpoint", used=used)
        if (lack := self._lack(answer, text, finish)) is not None:
            raise self._faults.failed(*lack, used=used)
        ended: Literal["stop", "length"] = "length" if finish == "length" else "stop"
        return ChatReply(whole(text), used.asked, used.written, ended, used.cached, used.stored)

    def _lack(self, answer: Any, text: str, finish: Ending) -> tuple[str, str] | None:
        """Return why a reply holds no answer, and the remedy; None if it holds one."""
        if refusal := answer.additional_kwargs.get("refusal"):
            return f"refused: {plain_line(str(refusal), 120)}", "reword the prompt or use another model"
        if finish == "content_filter":
            return "the reply was withheld by the provider's content filter", "reword the prompt or use another model"
        if len(text) > TEXT:
            return f"a reply of {len(text)} characters, at most {TEXT} are taken", "lower max_tokens"
        if text.strip():
            return None
        if finish == "length":
            return f"all {self.config.max_tokens} tokens went into thoughts", "raise max_tokens"
        if answer.tool_calls or answer.invalid_tool_calls:
            return "the reply is a tool call, and no tool was offered", "use a model that answers in text"
        return "empty reply", "raise max_tokens or use another model"


def _used(answer: Any, messages: list[Message], text: str) -> Tokens:
    """Return the tokens of a reply, whether or not it holds an answer; see `config.counted`."""
    usage = answer.usage_metadata or {}
    asked = counted(usage.get("input_tokens"), sum(len(message["content"]) for message in messages))
    details = usage.get("input_token_details") or {}
    stored = sum(count for name, count in details.items() if name.startswith(STORED) and isinstance(count, int))
    return tokens_of(asked, counted(usage.get("output_tokens"), len(text)), details.get("cache_read"), stored)

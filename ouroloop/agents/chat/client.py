"""A chat model through LangChain: one question, and what of it the server refuses is left out at the next try."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from ouroloop.agents.chat.answers import Answer, charged, heard, of_message
from ouroloop.agents.chat.config import ChatConfig, key_in
from ouroloop.agents.chat.faults import WITHOUT_TOOLS, Faults
from ouroloop.agents.chat.loop import on_chat_loop
from ouroloop.agents.chat.records import ChatReply, Message, characters
from ouroloop.agents.chat.refusals import JSON_SCHEMA, refused
from ouroloop.agents.chat.retries import Tries
from ouroloop.agents.local.catalog import is_local, weights_of
from ouroloop.agents.local.serving import Endpoint, endpoint, places
from ouroloop.protocols.errors import ModelError, SurroundingsError, UsageError
from ouroloop.protocols.messages import TEXT
from ouroloop.protocols.prices import Tokens
from ouroloop.protocols.text import plain_line, whole

OWN_HOST: Final = "api.openai.com"
"""The host that wants `max_completion_tokens`. Other servers of the same protocol know `max_tokens`."""
ASKED_TO_CACHE: Final = "anthropic:"
"""The provider that puts a conversation into its prompt cache only when asked; the others do so by themselves."""
OF_CLIENT: Final = ("temperature", "seed")
"""Parameters that LangChain's client of the OpenAI protocol has; all others are given as the body's own keys, so that it does
not rename them."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked; see `Chat.complete`."""

    messages: list[Message]
    seed: int
    schema: Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]]

    @property
    def characters(self) -> int:
        """The length of the conversation."""
        return sum(map(characters, self.messages))


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

    async def complete(
        self,
        messages: list[Message],
        seed: int,
        schema: Mapping[str, Any] | None = None,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> ChatReply:
        """Ask once, within `timeout_s`; see `Chat`."""
        question = _Question(messages, seed, schema, tools)
        try:
            served = await asyncio.to_thread(self._served)
            answer = await on_chat_loop(self._timed(question, served))
        except (ModelError, UsageError):
            raise
        except SurroundingsError as error:
            raise ModelError(plain_line(str(error), 600)) from error
        except Exception as error:  # the boundary: a server that answers with no chat completion makes clients raise anything
            raise self._faults.of(error) from error
        return self._reply(answer, question)

    async def _timed(self, question: _Question, served: Endpoint) -> Answer:
        """Ask within `timeout_s`, which does not count the wait for a place."""
        tries = Tries(self.config.retries, question.seed)
        async with self._places:
            try:
                async with asyncio.timeout(self.config.timeout_s):
                    return await self._asked(question, served, tries)
            except TimeoutError as late:
                if tries.last is None:
                    raise
                raise tries.last from late

    async def _asked(self, question: _Question, served: Endpoint, tries: Tries) -> Answer:
        """Ask; leave out what the server says it does not take, one thing after the other, and ask again what may pass."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.config.timeout_s
        while True:
            settings = self._settings(question.seed, question.schema)
            model, used = self._model(settings, question.tools, served), Tokens()
            try:
                message = await model.ainvoke(question.messages)
                return heard(model.told, streamed=self.config.stream) if self._openai else of_message(message)
            except Exception as error:
                if (name := refused(error, settings)) is not None:
                    self._refused.add(name)
                    continue
                if self._openai:
                    used = charged(model.told, question.characters)
                pause_s = tries.pause_s(error, end - loop.time()) if used == Tokens() else None
                if pause_s is None:
                    raise self._faults.of(error, used) from error
            await asyncio.sleep(pause_s)

    @property
    def _openai(self) -> bool:
        """Whether the endpoint speaks the OpenAI protocol."""
        return is_local(self.config.model) or self.config.model.startswith("openai:")

    def _served(self) -> Endpoint:
        """Return the endpoint; that of a local model is started first."""
        config = self.config
        if is_local(config.model):
            return endpoint(config.model)
        key = key_in(config.key_env) if config.key_env else ""
        if not (key.isascii() and key.isprintable()):  # a header of HTTP holds nothing else
            raise self._faults.failed(f"{config.key_env} holds more than a key", "set it to the key alone, without line breaks")
        return Endpoint(config.base_url or "", key)

    def _settings(self, seed: int, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the optional parameters of a question, by their names on the wire."""
        config, local = self.config, is_local(self.config.model)
        settings: dict[str, Any] = {"temperature": config.temperature}
        if not self._openai:
            settings["max_tokens"] = config.max_tokens
            if config.prompt_cache and config.model.startswith(ASKED_TO_CACHE):
                settings["cache_control"] = {"type": "ephemeral"}
        else:
            own = not local and (config.base_url is None or urlsplit(config.base_url).hostname == OWN_HOST)
            names = ("max_completion_tokens", "max_tokens") if own else ("max_tokens", "max_completion_tokens")
            known = next((name for name in names if name not in self._refused), names[0])
            settings |= {known: config.max_tokens, "seed": seed % 2**31}
            if config.stream:
                settings["stream_options"] = {"include_usage": True}
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

    def _model(self, settings: Mapping[str, Any], tools: Sequence[Mapping[str, Any]], served: Endpoint) -> Any:
        """Return the LangChain model, which asks with these parameters, once."""
        config = self.config
        given: dict[str, Any] = {"timeout": config.timeout_s, "max_retries": 0}
        if served.base_url:
            given["base_url"] = served.base_url
        if self._openai:
            from ouroloop.agents.chat.wire import WireChat  # LangChain takes a second

            ours = {name: value for name, value in settings.items() if name not in OF_CLIENT}
            ours |= {"tools": list(tools)} if tools else {}
            theirs = {name: value for name, value in settings.items() if name in OF_CLIENT}
            named = weights_of(config.model).name if is_local(config.model) else config.model.partition(":")[2]
            return WireChat(
                model=named,
                api_key=SecretStr(served.key or "none"),
                extra_body=ours,
                streaming=config.stream,
                stream_usage=False,  # asked for in the body
                use_responses_api=False,  # LangChain would ask there for some names of models
                **given,
                **theirs,
            )
        if config.key_env is not None:
            if not served.key:
                raise self._faults.failed(f"{config.key_env} holds no key", "set it, or leave api_key_env out")
            given["api_key"] = served.key
        cache = settings.get("cache_control")
        given |= {name: value for name, value in settings.items() if name != "cache_control"}
        model = self._of_provider(given | ({} if cache is None else {"model_kwargs": {"cache_control": cache}}))
        return self._with_tools(model, tools) if tools else model

    def _with_tools(self, model: Any, tools: Sequence[Mapping[str, Any]]) -> Any:
        """Return LangChain's model of a provider with functions offered to it."""
        try:
            return model.bind_tools(list(tools))
        except (NotImplementedError, ValueError) as error:
            said = self._faults.quoted(f"it takes no functions ({type(error).__name__}: {error})", 160)
            raise self._faults.failed(said, WITHOUT_TOOLS) from error

    def _of_provider(self, given: Mapping[str, Any]) -> Any:
        """Return LangChain's model of a provider other than OpenAI."""
        try:
            from langchain.chat_models import init_chat_model

            return init_chat_model(self.config.model, **given)
        except ImportError as error:
            said = self._faults.quoted(f"{type(error).__name__}: {error}", 160)
            raise self._faults.failed(said, "install the provider's LangChain package") from error
        except ValueError as error:
            said = self._faults.quoted(f"{type(error).__name__}: {error}", 160)
            raise self._faults.failed(said, "name a model as PROVIDER:NAME, e.g. openai:NAME") from error

    def _reply(self, answer: Answer, question: _Question) -> ChatReply:
        """Return the reply in an answer."""
        used = answer.tokens(question.characters)
        if answer.finish == "broken":
            said = f"the server broke the reply off ({self._faults.quoted(answer.named, 40) or 'a stream without an end'})"
            raise self._faults.failed(said, "look at the server's log, or use another endpoint", used=used)
        if (lack := self._lack(answer, offered=bool(question.tools))) is not None:
            raise self._faults.failed(*lack, used=used)
        ended: Literal["stop", "length"] = "length" if answer.finish == "length" else "stop"
        calls = tuple(
            replace(call, arguments=self._clean(call.arguments), id=self._clean(call.id))
            for call in (answer.calls if question.tools else ())
        )
        return ChatReply(self._clean(answer.text), used.asked, used.written, ended, used.cached, used.stored, calls)

    def _clean(self, text: str) -> str:
        """Return what a model wrote without the key and without halves of characters."""
        return whole(self._faults.without_key(text))

    def _lack(self, answer: Answer, *, offered: bool) -> tuple[str, str] | None:
        """Return why an answer holds no reply, and the remedy; None if it holds one."""
        if answer.refusal:
            return f"refused: {self._faults.quoted(answer.refusal, 120)}", "reword the prompt or use another model"
        if answer.finish == "content_filter":
            return "the reply was withheld by the provider's content filter", "reword the prompt or use another model"
        if answer.length > TEXT:
            return f"a reply of {answer.length} characters, at most {TEXT} are taken", "lower max_tokens"
        if answer.text.strip() or (answer.calls and offered):
            return None
        if answer.finish == "length":
            return f"all {self.config.max_tokens} tokens went into thoughts", "raise max_tokens"
        if answer.calls:
            return "the reply is a tool call, and no tool was offered", "use a model that answers in text"
        return "empty reply", "raise max_tokens or use another model"

"""Why a chat model did not answer: one line with the server's own words, and the remedy.

Providers raise errors of their own classes; all of them that speak HTTP carry `status_code` and `response`.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Final

from ouroloop.agents.chat.config import ChatConfig
from ouroloop.agents.chat.records import ContextTooLong
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.prices import Tokens
from ouroloop.protocols.secrets import redacted
from ouroloop.protocols.text import plain_line, whole

_TOO_LONG: Final = re.compile(
    r"context.{0,20}(length|window|size|limit)|(exceeds?|longer than|too long for) .{0,40}context|prompt is too long"
    r"|too many (input )?tokens|input.{0,20}too long|maximum.{0,30}(input|prompt) (length|tokens)"
    r"|token count.{0,20}exceeds the maximum number|`inputs` must have less than|`inputs` tokens \+ `max_new_tokens` must be"
    r"|reduce the length of the (messages|prompt|input)",
    re.IGNORECASE | re.DOTALL,
)
"""What OpenAI, vLLM, llama.cpp, Anthropic, Google, Mistral, TGI and Groq say of a conversation that does not fit."""
_SAID: Final = 240
"""Characters of a server's own message that are quoted."""


class Faults:
    """Makes the errors of one chat model."""

    def __init__(self, config: ChatConfig) -> None:
        """Name the endpoint."""
        self.config = config
        self.endpoint = f"{config.model} at {config.base_url or 'its default endpoint'}"

    def of(self, error: BaseException) -> ModelError:
        """Return the error of a failed question."""
        name, status = type(error).__name__, status_of(error)
        if isinstance(error, TimeoutError) or (status is None and "Timeout" in name):
            return self.failed(f"no reply within {self.config.timeout_s:g} s", "raise timeout_s or use a faster model")
        if status is not None:
            said = said_by(error)
            what = f"HTTP {status}" + (f": {said}" if said else "") + _wait(error)
            if is_too_long(error):
                return self.failed(what, "use a model with a longer context", ContextTooLong)
            return self.failed(what, self._remedy(status))
        if "Connection" in name or "Connect" in name:
            return self.failed("connection refused or lost", "start the server or correct base_url")
        if is_too_long(error):
            return self.failed(_line(error), "use a model with a longer context", ContextTooLong)
        return self.no_completion(error)

    def no_completion(self, error: BaseException) -> ModelError:
        """Return the error of a server that sent something else than a chat completion."""
        if "text/event-stream" in str(error) or "data: {" in str(error):
            return self.failed("the server answers as a stream of events alone", "set stream = true in the role's config")
        return self.failed(f"no chat completion ({_line(error)})", "check that base_url is an OpenAI-compatible /v1")

    def failed(self, what: str, remedy: str, kind: type[ModelError] = ModelError, *, used: Tokens | None = None) -> ModelError:
        """Return an error of one line, without the key, with the tokens that the failed question used."""
        said, key = f"model {self.endpoint}: {what}; {remedy}", os.environ.get(self.config.api_key_env, "")
        return kind(redacted(plain_line(said.replace(key, "***") if len(key) >= 8 else said, 600)), used=used)

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            return f"put a valid key into {self.config.key_env or 'the variable that the provider reads'}"
        if status == 404:
            return "check the model's name and base_url"
        if status == 429:
            return "wait, or ask for fewer candidates"
        return "look at the server's log" if status >= 500 else "check the model's name and settings"


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return status if isinstance(status, int) and 100 <= status <= 599 else None


def body_of(error: BaseException) -> object:
    """Return the body of the answer that an error carries; None without one."""
    return getattr(error, "body", None)


def is_too_long(error: BaseException) -> bool:
    """Return whether an error says that the conversation does not fit into the model's context, in words or by its code."""
    status = status_of(error)
    if status is None:
        return _TOO_LONG.search(str(error)) is not None
    return status in (400, 413, 422, 500) and _TOO_LONG.search(f"{said_by(error)}\n{_code(body_of(error))}") is not None


def _code(body: object) -> str:
    """Return the code and the type in an error's body, as words; clients may have unwrapped the body."""
    if not isinstance(body, dict):
        return ""
    inner = body.get("error")
    found = inner if isinstance(inner, dict) else body
    return " ".join(said.replace("_", " ") for key in ("code", "type") if isinstance(said := found.get(key), str))


def said_by(error: BaseException) -> str:
    """Return the message that a server sent with an error, as one line; empty if it sent none."""
    found = _message(body_of(error)) or _message(_text(getattr(error, "response", None)))
    return plain_line(whole(found), _SAID).rstrip(" .")


def _text(response: Any) -> object:
    try:
        return json.loads(response.text)
    except (AttributeError, ValueError, TypeError, RecursionError):
        return getattr(response, "text", None)


def _message(body: object) -> str:
    """Return the message in an error's body, whose form differs by server."""
    if isinstance(body, dict):
        for key in ("error", "message", "detail", "msg"):
            if said := _message(body.get(key)):
                return said
        return ""
    if isinstance(body, list):
        return _message(body[0]) if body else ""
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else ""


def _wait(error: BaseException) -> str:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    said = str(headers.get("retry-after", "") if hasattr(headers, "get") else "")
    return f" (the server asks to wait {said} s)" if re.fullmatch(r"\d{1,9}(\.\d+)?", said) else ""


def _line(error: BaseException) -> str:
    return plain_line(whole(f"{type(error).__name__}: {error}"), 160)

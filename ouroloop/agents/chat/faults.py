"""Why a chat model did not answer: one line with the server's own words, and the remedy.

Providers raise errors of their own classes. Those that speak HTTP carry `status_code`, or a `response` that has one. An error
that came with the status of success, or in the middle of a stream, has a `body` with a code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ouroloop.agents.chat.config import ChatConfig, key_in
from ouroloop.agents.chat.records import ContextTooLong
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.prices import Tokens
from ouroloop.protocols.secrets import redacted_line, without_keys

_TOO_LONG: Final = re.compile(
    r"context[ _-]?(length|window|size|limit)|(exceeds?|longer than|too long for) .{0,40}context|prompt (is )?too long"
    r"|too many (input )?tokens|input.{0,20}too long|maximum.{0,30}(input|prompt) (length|tokens)|maximum model length"
    r"|\b(prompt|input)\b.{0,40}\bexceed(s|ed)?\b.{0,20}(max|limit)|exceeded model token limit|range of input length"
    r"|max size: \d+ tokens|tokens limit reached|input is too large to process"
    r"|`inputs` must have less than|`inputs` tokens \+ `max_new_tokens` must be"
    r"|reduce the length of the (messages|prompt|input)",
    re.IGNORECASE | re.DOTALL,
)
"""What servers say of a conversation that does not fit: OpenAI, vLLM, llama.cpp, Anthropic, Google, Mistral, TGI, Groq,
Moonshot, GLM, DashScope, GitHub."""
_LIMIT_ALONE: Final = re.compile(r"max_(completion_)?tokens\W+must be (less|at most|<)", re.IGNORECASE)
"""A limit of tokens that no conversation would make fit; Groq compares it with the context window."""
_LIMIT: Final = re.compile(r"max_(completion_|output_|new_)?tokens", re.IGNORECASE)
_STREAM_ONLY: Final = re.compile(r"only supports? (the )?stream|enable the stream|stream\W.{0,30}\btrue\b", re.IGNORECASE)
_SIGHT: Final = re.compile(r"image|vision|multi-?modal|content.{0,40}\b(string|list|array)", re.IGNORECASE)
_TOOLS: Final = re.compile(r"\btools?\b|\btool_|function.?call|--jinja", re.IGNORECASE)
WITHOUT_TOOLS: Final = 'set tools = "words" in the role\'s config, since this model takes no functions'
_EVENTS: Final = re.compile(r"text/event-stream|(\A|['\"\n]|\\n)data: ?\{", re.IGNORECASE)
_NO_CREDIT: Final = re.compile(r"insufficient.(quota|balance|credit|fund)|exceeded.current.quota.error", re.IGNORECASE)
_MARKUP: Final = re.compile(r"\s*<[a-zA-Z!?/]")
_SAID: Final = 240
"""Characters of a server's own message that are quoted."""
_LINE: Final = 160
_READ: Final = 4000
"""Characters of it in which a cause is looked for."""


class Faults:
    """Makes the errors of one chat model."""

    def __init__(self, config: ChatConfig) -> None:
        """Name the endpoint."""
        self.config = config
        self.endpoint = f"{config.model} at {config.base_url or 'its default endpoint'}"

    def of(self, error: BaseException, used: Tokens | None = None) -> ModelError:
        """Return the error of a failed question, with the tokens that it used."""
        name, status = type(error).__name__, status_of(error)
        if isinstance(error, TimeoutError) or (status is None and "Timeout" in name):
            return self.failed(
                f"no reply within {self.config.timeout_s:g} s", "raise timeout_s or use a faster model", used=used
            )
        if status is None and ("Connection" in name or "Connect" in name):
            return self.failed("connection refused or lost", "start the server or correct base_url", used=used)
        said, too_long = said_by(error), is_too_long(error)
        if status is None and not said and not too_long:
            return self.no_completion(error, used)
        if status is None:
            what = f"the server says: {self.quoted(said, _SAID)}" if said else self._line(error)
        else:
            quoted = self.quoted(said, _SAID).rstrip(" .")
            what = f"{_label(error)} {status}" + (f": {quoted}" if quoted else "") + _wait(error)
        if too_long:
            return self.failed(what, "use a model with a longer context", ContextTooLong, used=used)
        return self.failed(what, self._remedy(error, said), used=used)

    def no_completion(self, error: BaseException, used: Tokens | None = None) -> ModelError:
        """Return the error of a server that sent something else than a chat completion."""
        if _EVENTS.search(f"{error}\n{getattr(error, 'doc', '')}"[:2000]):
            return self.failed("the server answers as a stream of events alone", "set stream = true in the role's config")
        if "No generation" in str(error):
            return self.failed("the server sent no event of a stream", "leave stream out of the role's config", used=used)
        remedy = "check that base_url is an OpenAI-compatible /v1"
        return self.failed(f"no chat completion ({self._line(error)})", remedy, used=used)

    def failed(self, what: str, remedy: str, kind: type[ModelError] = ModelError, *, used: Tokens | None = None) -> ModelError:
        """Return an error of one line, without the key, with the tokens that the failed question used."""
        return kind(self.quoted(f"model {self.endpoint}: {what}; {remedy}", 600), used=used)

    def quoted(self, text: str, limit: int) -> str:
        """Return what a server said as one line; the key goes before the line is cut, so that no half of it stays."""
        key = key_in(self.config.api_key_env)
        return redacted_line(text.replace(key, "***") if len(key) >= 8 else text, limit)

    def without_key(self, text: str) -> str:
        """Return a reply's text without the key; all else stays as the model wrote it."""
        return without_keys(text, key_in(self.config.api_key_env))

    def _line(self, error: BaseException) -> str:
        return self.quoted(f"{type(error).__name__}: {error}", _LINE)

    def _remedy(self, error: BaseException, said: str) -> str:
        status = status_of(error)
        if status in (401, 403):
            return f"put a valid key into {self.config.key_env or 'the variable that the provider reads'}"
        if is_without_credit(error):
            return "add credit to the account, or use another endpoint"
        if self.config.offers_tools and status != 429 and _TOOLS.search(said):
            return WITHOUT_TOOLS
        if self.config.sees and _SIGHT.search(said):
            return "leave sees out of the role's config, since this model takes no pictures"
        if status == 404:
            return "check the model's name and base_url"
        if status == 429:
            return "wait, or ask for fewer candidates"
        if status is not None and status >= 500:
            return "look at the server's log"
        if status is None:
            return "look at the server's log, or check the model's name and base_url"
        if _STREAM_ONLY.search(said) and not self.config.stream:
            return "set stream = true in the role's config"
        return "lower max_tokens" if _LIMIT.search(said) else "check the model's name and settings"


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, or the one that is told in its body."""
    response = getattr(error, "response", None)
    for found in (getattr(error, "status_code", None), getattr(response, "status_code", None), getattr(error, "code", None)):
        status = int(found) if isinstance(found, str) and re.fullmatch(r"\d{3}", found) else found
        if type(status) is int and 400 <= status <= 599:
            return status
    return None


def is_too_long(error: BaseException) -> bool:
    """Return whether an error says that the conversation does not fit into the model's context, in words or by its code."""
    said = said_by(error)
    if status_of(error) not in (None, 400, 413, 422, 500) or _LIMIT_ALONE.search(said):
        return False
    return _TOO_LONG.search(f"{said or error}\n{_code(error)}") is not None


def is_without_credit(error: BaseException) -> bool:
    """Return whether the account has no credit. Google speaks of a quota where a minute has too many questions."""
    return status_of(error) == 402 or _NO_CREDIT.search(f"{said_by(error)}\n{_code(error)}") is not None


def param_of(error: BaseException) -> str | None:
    """Return the parameter that an error's body names as its cause."""
    named = _inner(error).get("param")
    return named.partition(".")[0] if isinstance(named, str) else None


def said_by(error: BaseException) -> str:
    """Return the message that a server sent with an error, empty if it sent none; it may hold keys."""
    found = _message(getattr(error, "body", None))
    if not found and status_of(error) is not None:
        found = _message(_text(getattr(error, "response", None)))
    return found[:_READ]


def header(error: BaseException, name: str) -> str:
    """Return a header of the answer that an error carries, empty if it has none."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return str(headers.get(name, "")).strip() if hasattr(headers, "get") else ""


def _inner(error: BaseException) -> Mapping[str, Any]:
    """Return the table in an error's body; clients may have unwrapped it."""
    body = getattr(error, "body", None)
    body = body[0] if isinstance(body, list) and body else body
    inner = body.get("error") if isinstance(body, Mapping) else None
    found = inner if isinstance(inner, Mapping) else body
    return found if isinstance(found, Mapping) else {}


def _code(error: BaseException) -> str:
    """Return the code and the type in an error's body, as words."""
    return " ".join(said.replace("_", " ") for key in ("code", "type") if isinstance(said := _inner(error).get(key), str))


def _text(response: Any) -> object:
    try:
        text = response.text
    except (AttributeError, RuntimeError):  # no answer, or one that was not read
        return None
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return text


def _message(body: object) -> str:
    """Return the message in an error's body, whose form differs by server.

    FastAPI names a parameter beside the message (`loc`), OpenRouter has the words of the provider behind it in `metadata`.
    """
    if isinstance(body, Mapping):
        for key in ("error", "message", "detail", "msg"):
            if said := _message(body.get(key)):
                place, behind = body.get("loc"), body.get("metadata")
                where = ".".join(str(part) for part in place) if isinstance(place, list | tuple) else ""
                raw = behind.get("raw") if isinstance(behind, Mapping) else None
                return (f"{where}: " if where else "") + said + (f": {raw}" if isinstance(raw, str) and raw else "")
        return ""
    if isinstance(body, list):
        return _message(body[0]) if body else ""
    return body if isinstance(body, str) and not _MARKUP.match(body) else ""


def _label(error: BaseException) -> str:
    """Return what the error's number is: a status of HTTP, or one in the body of an answer that has another."""
    carried = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return "HTTP" if carried else "error"


def _wait(error: BaseException) -> str:
    said = header(error, "retry-after")
    return f" (the server asks to wait {said} s)" if re.fullmatch(r"\d{1,9}(\.\d+)?", said) else ""

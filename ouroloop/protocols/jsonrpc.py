"""Strict JSON-RPC 2.0 (https://www.jsonrpc.org/specification): requests, notifications, errors, batches.

`Dispatcher` answers messages with handlers. It does no I/O, so it serves calls in process, over stdio or over HTTP alike.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from ouroloop.protocols.canonical import Json, JsonObject, canonical
from ouroloop.protocols.errors import OuroloopError, RoleError
from ouroloop.protocols.text import without_addresses

log = logging.getLogger(__name__)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
ROLE_FAILED = -32000
"""Server-defined code: the handler raised; `message` is its one-line text."""

Id: TypeAlias = str | int | None
Handler = Callable[[Any], Awaitable[BaseModel]]


class Call(BaseModel):
    """A request, or a notification if `id` is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    jsonrpc: Literal["2.0"]
    method: str = Field(min_length=1)
    params: dict[str, object] | list[object] = Field(default_factory=dict)
    id: StrictInt | StrictStr | None = None

    @property
    def is_notification(self) -> bool:
        """True if no `id` was sent (`"id": null` is a request)."""
        return "id" not in self.model_fields_set


def request(method: str, params: JsonObject, id: str | int) -> JsonObject:
    """Return a request message."""
    return {"jsonrpc": "2.0", "method": method, "params": params, "id": id}


def notification(method: str, params: JsonObject) -> JsonObject:
    """Return a notification message."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def success(result: Json, id: Id) -> JsonObject:
    """Return a response with a result."""
    return {"jsonrpc": "2.0", "result": result, "id": id}


def failure(code: int, message: str, id: Id, data: Json = None) -> JsonObject:
    """Return a response with an error."""
    error: JsonObject = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "error": error, "id": id}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key appears twice")
    return out


def loads(data: bytes | str) -> Any:
    """Parse JSON strictly: NaN, infinities and duplicate keys are refused.

    Raises:
        ValueError: the text is not strict JSON.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


class Dispatcher:
    """Answers JSON-RPC messages with registered handlers.

    A handler takes the validated params model and returns a result model.
    """

    def __init__(self) -> None:
        """Start with no methods."""
        self._methods: dict[str, tuple[type[BaseModel], Handler]] = {}

    def register(self, method: str, params: type[BaseModel], handler: Handler) -> None:
        """Answer `method` with `handler`. Raises ValueError if the method is registered already."""
        if method in self._methods:
            raise ValueError(f"method {method} is registered already")
        self._methods[method] = (params, handler)

    @property
    def methods(self) -> tuple[str, ...]:
        """Registered method names."""
        return tuple(self._methods)

    async def answer_text(self, data: bytes | str) -> bytes | None:
        """Answer a message in wire form; return None if there is nothing to send back."""
        try:
            message = loads(data)
        except ValueError as error:
            return canonical(failure(PARSE_ERROR, f"parse error: {error}", None))
        reply = await self.answer(message)
        return None if reply is None else canonical(reply)

    async def answer(self, message: Any) -> Any:
        """Answer one parsed message or a batch; return None for a notification or a batch of notifications."""
        if isinstance(message, list):
            if not message:
                return failure(INVALID_REQUEST, "invalid request: an empty batch", None)
            replies = [await self._answer_one(m) for m in message]
            return [r for r in replies if r is not None] or None
        return await self._answer_one(message)

    async def _answer_one(self, message: Any) -> JsonObject | None:
        try:
            call = Call.model_validate(message)
        except ValidationError as error:
            id = message.get("id") if isinstance(message, dict) else None
            usable = id if isinstance(id, (str, int)) and not isinstance(id, bool) else None
            return failure(INVALID_REQUEST, f"invalid request: {one_line(error)}", usable)
        reply = await self._run(call)
        return None if call.is_notification else reply

    async def _run(self, call: Call) -> JsonObject:
        if call.method not in self._methods:
            return failure(METHOD_NOT_FOUND, f"no method {call.method}; known: {', '.join(sorted(self._methods))}", call.id)
        params, handler = self._methods[call.method]
        try:
            request_model = params.model_validate(call.params)
        except ValidationError as error:
            return failure(INVALID_PARAMS, f"invalid params of {call.method}: {one_line(error)}", call.id)
        try:
            result = await handler(request_model)
        except OuroloopError as error:
            data: JsonObject = {"type": error.kind if isinstance(error, RoleError) else type(error).__name__}
            if isinstance(error, RoleError) and error.lost:
                data["lost"] = [{"reason": reason, "text": text} for reason, text in error.lost]
            return failure(ROLE_FAILED, str(error), call.id, data)
        except Exception as error:  # the boundary: whatever a role raises is the role's failure, recorded once
            log.debug("handler of %s failed", call.method, exc_info=True)
            said = without_addresses(f"{type(error).__name__}: {error}")[:300]
            return failure(ROLE_FAILED, said, call.id, {"type": type(error).__name__})
        return success(result.model_dump(mode="json"), call.id)


def one_line(error: ValidationError) -> str:
    """Return the first problem of a validation error as one line: where it is, what it is, and what was found."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "the message"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}, found {_shown(first.get('input'))}{more}"


def _shown(value: object) -> str:
    """Return how a value begins, without writing out all of a huge or deeply nested one."""
    if isinstance(value, str | bytes):
        return repr(value[:80])[:80]
    if isinstance(value, list | tuple | dict | set) and len(value) > 80:
        return f"a {type(value).__name__} of {len(value)} entries"
    try:
        return repr(value)[:80]
    except (RecursionError, ValueError):  # nested too deeply, or an integer of too many digits
        return f"a {type(value).__name__}"

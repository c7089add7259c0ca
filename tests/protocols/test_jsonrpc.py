"""JSON-RPC 2.0, by the examples of its specification and by what it forbids."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel

from ouroloop.protocols import jsonrpc
from ouroloop.protocols.errors import RoleError


class Numbers(BaseModel):
    a: int
    b: int


class Sum(BaseModel):
    total: int


def ask(text: str) -> Any:
    dispatcher = jsonrpc.Dispatcher()

    async def add(numbers: Numbers) -> Sum:
        if numbers.b == 13:
            raise RoleError("thirteen is refused; add something else")
        if numbers.b == 14:
            raise ZeroDivisionError("oops")
        return Sum(total=numbers.a + numbers.b)

    dispatcher.register("add", Numbers, add)
    reply = asyncio.run(dispatcher.answer_text(text))
    return None if reply is None else json.loads(reply)


def call(**more: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": "add", "params": {"a": 1, "b": 2}, "id": 7} | more)


def test_a_request_gets_its_result_under_its_id() -> None:
    assert ask(call()) == {"jsonrpc": "2.0", "result": {"total": 3}, "id": 7}
    assert ask(call(id="x"))["id"] == "x"


def test_a_notification_gets_nothing_even_when_it_fails() -> None:
    message = {"jsonrpc": "2.0", "method": "add", "params": {"a": 1, "b": 2}}
    assert ask(json.dumps(message)) is None
    assert ask(json.dumps(message | {"method": "no"})) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", -32700),
        ('{"jsonrpc": "2.0", "method": "add", "id": NaN}', -32700),
        ('{"jsonrpc": "2.0", "jsonrpc": "2.0", "method": "add", "id": 1}', -32700),
        ("[" * 100_000, -32700),
        ("[]", -32600),
        ("1", -32600),
        (call(jsonrpc="1.0"), -32600),
        (call(method=1), -32600),
        (call(extra=1), -32600),
        (call(id=True), -32600),
        (call(id=1.5), -32600),
        (call(method="sub"), -32601),
        (call(params={"a": 1}), -32602),
        (call(params={"a": 1, "b": 13}), -32000),
        (call(params={"a": 1, "b": 14}), -32000),
    ],
)
def test_each_fault_has_its_code(text: str, code: int) -> None:
    assert ask(text)["error"]["code"] == code


def test_a_batch_answers_what_asks_and_keeps_order() -> None:
    batch = [json.loads(call(id=1)), {"jsonrpc": "2.0", "method": "add", "params": {"a": 1, "b": 1}}, 5, json.loads(call(id=2))]
    replies = ask(json.dumps(batch))
    assert [r.get("id") for r in replies] == [1, None, 2]
    assert "error" in replies[1]
    assert ask(json.dumps([batch[1]])) is None


def test_a_failed_handler_says_one_line() -> None:
    assert ask(call(params={"a": 1, "b": 13}))["error"]["message"] == "thirteen is refused; add something else"
    assert ask(call(params={"a": 1, "b": 14}))["error"]["message"] == "ZeroDivisionError: oops"

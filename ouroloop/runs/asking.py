"""Asking roles: the wrapper that owns messages, retries, cost and attribution.

Every question is a JSON-RPC message that a `Dispatcher` answers. Question and answer are one step of the ledger.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any

from pydantic import BaseModel

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key
from ouroloop.protocols import jsonrpc
from ouroloop.protocols.errors import RoleError
from ouroloop.protocols.messages import METHODS
from ouroloop.protocols.ports import Role
from ouroloop.runs.exchanges import chat_on_record

GRACE_S = 5.0
"""Extra time for a role that keeps its own time limit, so that the role's own error is the one reported."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a role: its key, the role, the params, and the time limit."""

    key: Key[Any]
    role: Role
    params: BaseModel
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A role's reply, or one line that says why there is no reply."""

    asked: Asked
    reply: BaseModel | None
    error: str | None


def ask(ledger: Ledger, questions: list[Asked]) -> list[Answered]:
    """Ask roles side by side and record each answer once. A role that fails gives an error, never an exception."""

    async def everyone() -> list[Answered]:
        return list(await asyncio.gather(*(_ask_one(ledger, q) for q in questions)))

    return asyncio.run(everyone())


async def _ask_one(ledger: Ledger, asked: Asked) -> Answered:
    key, method = asked.key.text, asked.key.method
    params = asked.params.model_dump(mode="json")
    step = ledger.recall(key, method, params)
    if step is None:
        with chat_on_record(ledger, key, asked.role):
            reply = await _dispatcher(asked.role, asked.timeout_s).answer(jsonrpc.request(method, params, key))
        ledger.record(key, method, params, reply.get("result"), reply.get("error"))
        step = ledger.step(key)
        assert step is not None
    if step.error is not None:
        return Answered(asked, None, str(step.error["message"]))
    return Answered(asked, asked.key.decoded(step.result), None)


async def _apart(role: Role, params: Any) -> BaseModel:
    """Let a role act in its own daemon thread, so that a role that blocks or hangs can be left behind."""
    answer: Future[BaseModel] = Future()
    answer.set_running_or_notify_cancel()  # from here on only the thread settles it

    def act() -> None:
        try:
            answer.set_result(asyncio.run(role.act(params)))
        except BaseException as error:  # raised again when the answer is awaited
            answer.set_exception(error)

    Thread(target=act, daemon=True).start()
    return await asyncio.wrap_future(answer)


def _dispatcher(role: Role, timeout_s: float) -> jsonrpc.Dispatcher:
    """Return a dispatcher that answers the role's one method and validates its reply."""
    dispatcher = jsonrpc.Dispatcher()

    async def handler(params: Any) -> BaseModel:
        try:
            reply = await asyncio.wait_for(_apart(role, role.Request.model_validate(params.model_dump())), timeout_s + GRACE_S)
        except TimeoutError:
            raise RoleError(f"role {role.name} gave no answer within {timeout_s:g} s; raise its timeout_s") from None
        return METHODS[role.method][1].model_validate(reply.model_dump() if isinstance(reply, BaseModel) else reply)

    dispatcher.register(role.method, METHODS[role.method][0], handler)
    return dispatcher

"""Asking roles: the wrapper that owns messages, time limits, cost and attribution.

Every question is a JSON-RPC message that a `Dispatcher` answers. Question and answer are one step of the ledger. A role acts
in a thread of its own, so one that blocks or hangs is left behind; nothing that it raises, prints or returns ends the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ouroloop.agents.replies import accepted, lost
from ouroloop.agents.waiting import unfinished
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import Key
from ouroloop.ledger.steps.times import ANSWERED, AnswerTime, note
from ouroloop.protocols import jsonrpc
from ouroloop.protocols.errors import ModelError, RoleError
from ouroloop.protocols.messages import LOST_REASON, METHODS, PROPOSALS, Lost
from ouroloop.protocols.ports import Role
from ouroloop.protocols.secrets import redacted, redacted_line
from ouroloop.protocols.text import without_addresses
from ouroloop.runs.exchanges import chat_on_record
from ouroloop.runs.proposers.workshop import RunWorkshop, lent
from ouroloop.sheltered import Call, Fault, sheltered, stdout_aside

GRACE_S = 5.0
"""Extra time for a role that keeps its own time limit, so that the role's own error is the one reported."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a role: its key, the role, the params, the time limit, and where the role may try drafts.

    The time that trials take does not count.
    """

    key: Key[Any]
    role: Role
    params: BaseModel
    timeout_s: float
    workshop: RunWorkshop | None = None

    @property
    def count(self) -> int:
        """The number of answers asked for."""
        return int(getattr(self.params, "count", 1))

    def trying_s(self) -> float:
        """Return the seconds of its trials so far."""
        return 0.0 if self.workshop is None else self.workshop.seconds


@dataclass(frozen=True, slots=True)
class Answered:
    """A role's reply, or one line that says why there is no reply, and what was lost."""

    asked: Asked
    reply: BaseModel | None
    error: str | None
    lost: tuple[Lost, ...] = ()


def ask(ledger: Ledger, questions: list[Asked]) -> list[Answered]:
    """Ask roles side by side and record each answer once. A role that fails gives an error, never an exception."""

    async def everyone() -> list[Answered]:
        return list(await asyncio.gather(*(_ask_one(ledger, q) for q in questions)))

    with stdout_aside():
        return asyncio.run(everyone())


def answered(ledger: Ledger, asked: Asked) -> Answered:
    """Return the recorded answer to a question."""
    step = ledger.step(asked.key.text)
    assert step is not None, f"step {asked.key.text} is not recorded"
    if step.error is None:
        reply = asked.key.decoded(step.result)
        return Answered(asked, reply, None, tuple(getattr(reply, "lost", ())))
    said, data = str(step.error["message"]), step.error.get("data")
    told: Any = data.get("lost") if isinstance(data, dict) else None
    return Answered(asked, None, said, tuple(Lost.model_validate(one) for one in told) if told else (Lost(reason=said[:300]),))


async def _ask_one(ledger: Ledger, asked: Asked) -> Answered:
    key, method = asked.key.text, asked.key.method
    params = asked.params.model_dump(mode="json")
    if ledger.recall(key, method, params) is None:
        begun = time.monotonic()
        try:
            seed = int(getattr(asked.params, "seed", 0))
            with lent(asked.role, asked.workshop), chat_on_record(ledger, key, asked.role, seed):
                reply = await _dispatcher(asked).answer(jsonrpc.request(method, params, key))
        except RoleError as error:
            reply = jsonrpc.failure(jsonrpc.ROLE_FAILED, str(error), key, {"type": error.kind})
        note(ledger, ANSWERED, AnswerTime(key, round(time.monotonic() - begun, 3)))
        ledger.record(key, method, params, _without_secrets(reply.get("result")), _safe(reply.get("error")))
    return answered(ledger, asked)


def _safe(error: Any) -> Any:
    """Return an error as it may be recorded: one line, without secrets that its text quotes."""
    if error is None:
        return None
    data = _without_secrets(error.get("data", {}))
    return {**error, "message": _said(str(error["message"]), 600), **({"data": data} if data else {})}


def _without_secrets(told: Any) -> Any:
    """Return what was told of a question, its reasons for lost replies as they may be recorded."""
    if not isinstance(told, dict) or not told.get("lost"):
        return told
    return {**told, "lost": [{**one, "reason": _said(one["reason"], LOST_REASON)} for one in told["lost"]]}


def _said(text: str, limit: int) -> str:
    """Return a text as it may be recorded: one line, without secrets and memory addresses."""
    return redacted_line(without_addresses(text), limit)


def _dispatcher(asked: Asked) -> jsonrpc.Dispatcher:
    """Return a dispatcher that answers the role's one method and takes what it may of the reply."""
    dispatcher, method = jsonrpc.Dispatcher(), asked.key.method

    async def handler(params: Any) -> BaseModel:
        return await _apart(asked, method, params)

    dispatcher.register(method, METHODS[method][0], handler)
    return dispatcher


async def _apart(asked: Asked, method: str, params: BaseModel) -> BaseModel:
    """Let a role act in its own daemon thread, in which its reply is also read: both run code of the role's."""
    cancel: list[Callable[[], object]] = []

    async def act() -> object:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await asked.role.act(asked.role.Request.model_validate(params.model_dump()))

    def work() -> BaseModel:
        try:
            return accepted(method, asyncio.run(act()), asked.count)
        except RoleError as error:
            raise _plain(error) from None

    call = Call(work, passed=(RoleError,), owner=lambda: type(asked.role).__module__)
    call.on_leave = lambda: [stop() for stop in cancel]
    answer = asyncio.wrap_future(call.outcome)
    if await unfinished([answer], asked.timeout_s + GRACE_S, asked.trying_s):
        answer.cancel()
        call.leave()
        name = role_name(asked.role)
        raise RoleError(f"role {name} gave no answer within {asked.timeout_s:g} s; raise its timeout_s")
    try:
        return await answer
    except Fault as fault:
        raise RoleError(str(fault), kind=fault.kind) from None


def _plain(error: RoleError) -> RoleError:
    """Return an error of plain text alone, made in the role's thread: the error may be of a class of the role's own."""
    gone = [
        lost(redacted(without_addresses(str(reason))), text if isinstance(text, str) else None)
        for reason, text in error.lost[:PROPOSALS]
    ]
    kind = ModelError if isinstance(error, ModelError) else RoleError
    return kind(redacted_line(without_addresses(str(error)), 600), tuple((one.reason, one.text) for one in gone))


def role_name(role: Role) -> str:
    """Return a role's name; the name of its class if the role itself does not tell."""
    with suppress(Fault):
        said = sheltered(lambda: role.name, GRACE_S)
        if isinstance(said, str) and 0 < len(said) <= 64:
            return str(said)
    return type(role).__name__

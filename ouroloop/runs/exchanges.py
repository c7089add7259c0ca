"""The record of chat exchanges: each exchange is a step, so a resumed or replayed run pays for it only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from ouroloop.agents.chat import MOST_TOKENS, ChatReply, ContextTooLong, Message, characters, counted
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.key import encoded
from ouroloop.ledger.steps.propose import Exchange, Unanswered, chat
from ouroloop.protocols.canonical import JsonObject
from ouroloop.protocols.errors import LedgerError, ModelError, RoleError
from ouroloop.protocols.messages import TEXT
from ouroloop.protocols.prices import tokens_of
from ouroloop.protocols.records import ToolCall
from ouroloop.protocols.secrets import redacted_line, without_keys
from ouroloop.protocols.text import whole, without_addresses
from ouroloop.sheltered import Fault, sheltered

if TYPE_CHECKING:
    from ouroloop.ledger.steps.key import Key

MOST: Final = 256
"""The most exchanges for one question."""


@contextmanager
def chat_on_record(ledger: Ledger, key: str, role: Any, seed: int) -> Iterator[None]:
    """Put a recorder in front of the role's chat model, if it has one, for one question.

    Args:
        ledger: the run's ledger.
        key: the question's key.
        role: who is asked.
        seed: the question's seed; a conversation about its candidate number i has the seed `seed + i`.

    Raises:
        LedgerError: the role asked its model something other than what is on record. The role is not at fault.
        RoleError: the role does not let its chat model be recorded.
    """
    recorder = _installed(ledger, key, role, seed)
    if recorder is None:
        yield
        return
    try:
        yield
    finally:
        recorder.over = True
        with suppress(Fault):
            sheltered(lambda: setattr(role, "chat", recorder.inner))
    if recorder.broken is not None:
        raise recorder.broken


def _installed(ledger: Ledger, key: str, role: Any, seed: int) -> RecordedChat | None:
    def install() -> RecordedChat | None:
        inner = getattr(role, "chat", None)
        if not hasattr(inner, "complete"):
            return None
        role.chat = recorder = RecordedChat(inner, ledger, key, seed)
        return recorder

    try:
        return sheltered(install)
    except Fault as fault:
        raise RoleError(f"its chat model cannot be recorded ({fault}): let the attribute `chat` be set") from None


class RecordedChat:
    """A chat model that records every exchange, refusals and time-outs included, as a step `<key>/chat/<n>`."""

    def __init__(self, inner: Any, ledger: Ledger, key: str, seed: int = 0) -> None:
        """Wrap `inner`; `seed` is the question's."""
        self.inner = inner
        self._seed = seed
        self.over = False
        """Whether the question is over; whoever asks later is told so, and pays for nothing."""
        self.broken: LedgerError | None = None
        self._ledger, self._key = ledger, key
        self._asked_of: Counter[int] = Counter()
        """Seed -> how often the model was asked with it."""

    async def complete(
        self,
        messages: list[Message],
        seed: int,
        schema: Mapping[str, Any] | None = None,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> ChatReply:
        """Return the recorded reply, or ask the model and record its reply.

        An exchange is known by its conversation, which the seed tells, and by its turn there: conversations run side by side,
        and the order of their exchanges differs from run to run. Schema and functions are not recorded: they follow from the
        role's settings.
        """
        if self.over or self._asked_of.total() >= MOST:
            why = "its question is over" if self.over else f"it was asked {MOST} times for one question, the most allowed"
            raise ModelError(f"the model is not asked: {why}")
        key = chat(self._key, seed - self._seed, self._asked_of[seed])
        self._asked_of[seed] += 1
        params: JsonObject = {"messages": [{**message} for message in messages], "seed": seed}
        try:
            step = self._ledger.recall(key.text, key.method, params)
        except LedgerError as error:
            self.broken = error
            raise
        if step is None:
            extra = {name: value for name, value in (("schema", schema), ("tools", tools)) if value}
            said = await self._asked(key, params, messages, seed, extra)
        elif step.error is not None:
            raise _recorded(step.error)
        else:
            said = key.decoded(step.result)
        return ChatReply(said.text, said.tokens_in, said.tokens_out, said.finish, said.cached, said.stored, said.calls)

    async def _asked(
        self, key: Key[Exchange], params: JsonObject, messages: list[Message], seed: int, extra: Mapping[str, Any]
    ) -> Exchange:
        """Ask the model and record what it said, or why it said nothing."""
        try:
            return self._kept(key, params, exchange(await self.inner.complete(messages, seed, **extra), messages))
        except ModelError as error:
            if not self.over:
                message = redacted_line(without_addresses(str(error)), 600)
                said: JsonObject = {"code": -32000, "message": message}
                data: JsonObject = {"type": "ContextTooLong"} if isinstance(error, ContextTooLong) else {}
                if (used := _used(error)) != Unanswered():
                    data["used"] = encoded(used)
                if data:
                    said["data"] = data
                self._ledger.record(key.text, key.method, params, None, said)
            raise

    def _kept(self, key: Key[Exchange], params: JsonObject, said: Exchange) -> Exchange:
        """Record what the model said, unless its question is over; keys in it go, for a role as for the run's resumption."""
        if self.over:
            raise ModelError("the reply came after the time limit")
        calls = tuple(ToolCall(*map(without_keys, (call.name, call.arguments, call.id))) for call in said.calls)
        said = replace(said, text=without_keys(said.text), calls=calls)
        key.record(self._ledger, params, said)
        return said


def _used(error: ModelError) -> Unanswered:
    """Return the tokens of a failed exchange. The error may be of the role's making, so counts that cannot be true are none."""
    read, cached, written, stored = (
        count if type(count) is int and 0 <= count <= MOST_TOKENS else 0
        for count in (getattr(getattr(error, "used", None), part, 0) for part in ("read", "cached", "written", "stored"))
    )
    return Unanswered(read + cached + stored, written, cached, stored)


def _recorded(error: JsonObject) -> ModelError:
    """Return the error of a recorded exchange."""
    data = error.get("data")
    kind = ContextTooLong if isinstance(data, dict) and data.get("type") == "ContextTooLong" else ModelError
    return kind(str(error["message"]))


def exchange(reply: Any, messages: list[Message]) -> Exchange:
    """Return a chat model's reply as plain data, with token counts that can be true; see `chat.counted`.

    Raises:
        ModelError: it is no reply, or longer than a reply may be.
    """
    text, calls = getattr(reply, "text", None), _calls(reply)
    asked = sum(map(characters, messages))
    read = counted(getattr(reply, "tokens_in", None), asked)
    length = (len(text) if isinstance(text, str) else 0) + sum(call.characters for call in calls)
    written = counted(getattr(reply, "tokens_out", None), length)
    used = tokens_of(read, written, getattr(reply, "cached", 0), getattr(reply, "stored", 0))
    finish: Literal["stop", "length"] = "length" if getattr(reply, "finish", "stop") == "length" else "stop"
    if not isinstance(text, str):
        raise ModelError(f"the model's reply is a {type(reply).__name__} without a text", used=used)
    if length > TEXT:
        raise ModelError(f"the model's reply has {length} characters, at most {TEXT} are taken: lower max_tokens", used=used)
    return Exchange(whole(text), used.asked, used.written, finish, used.cached, used.stored, calls)


def _calls(reply: Any) -> tuple[ToolCall, ...]:
    """Return the calls in a chat model's reply; what has another form is none."""
    told, found = getattr(reply, "calls", ()), []
    for call in told if isinstance(told, tuple | list) else ():
        said = [getattr(call, part, None) for part in ("name", "arguments", "id")]
        if all(isinstance(part, str) for part in said):
            found.append(ToolCall(*(whole(str(part)) for part in said)))
    return tuple(found)

"""The record of chat exchanges: each exchange is a step, so a resumed or replayed run pays for it only once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import Exchange, chat
from ouroloop.protocols.canonical import JsonObject
from ouroloop.protocols.errors import LedgerError, ModelError


@contextmanager
def chat_on_record(ledger: Ledger, key: str, role: Any) -> Iterator[None]:
    """Put a recorder in front of the role's chat model, if it has one, for one question.

    Raises:
        LedgerError: the role asked its model something other than what is on record. The role is not at fault.
    """
    inner = getattr(role, "chat", None)
    if inner is None:
        yield
        return
    role.chat = recorder = RecordedChat(inner, ledger, key)
    try:
        yield
    finally:
        role.chat = inner
    if recorder.broken is not None:
        raise recorder.broken


class RecordedChat:
    """A chat model that records every exchange, refusals and time-outs included, as a step `<key>/chat/<n>`."""

    def __init__(self, inner: Any, ledger: Ledger, key: str) -> None:
        """Wrap `inner`."""
        self._inner, self._ledger, self._key = inner, ledger, key
        self._count = 0
        self.broken: LedgerError | None = None

    async def complete(self, messages: list[dict[str, str]], seed: int) -> Any:
        """Return the recorded reply, or ask the model and record its reply."""
        from ouroloop.agents.chat import ChatReply

        key = chat(self._key, self._count)
        self._count += 1
        params: JsonObject = {"messages": [{**message} for message in messages], "seed": seed}
        try:
            step = self._ledger.recall(key.text, key.method, params)
        except LedgerError as error:
            self.broken = error
            raise
        if step is None:
            try:
                reply = await self._inner.complete(messages, seed)
            except ModelError as error:
                self._ledger.record(key.text, key.method, params, None, {"code": -32000, "message": str(error)})
                raise
            key.record(self._ledger, params, Exchange(reply.text, reply.tokens_in, reply.tokens_out))
            return reply
        if step.error is not None:
            raise ModelError(str(step.error["message"]))
        said = key.decoded(step.result)
        return ChatReply(said.text, said.tokens_in, said.tokens_out)

"""What a role says to its chat model is on record, and a model that is asked something else is no failure of the role."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from ouroloop.agents.chat import ChatReply
from ouroloop.ledger.sqlite import Ledger
from ouroloop.protocols.errors import LedgerError
from ouroloop.runs.exchanges import chat_on_record


class Parrot:
    """A chat model that gives back what it hears, and counts."""

    calls = 0

    async def complete(self, messages: list[dict[str, str]], seed: int) -> ChatReply:
        """Return the last message."""
        self.calls += 1
        return ChatReply(messages[-1]["content"], 1, 2)


def test_an_exchange_is_paid_once_and_another_question_under_its_key_ends_the_run(tmp_path: Path) -> None:
    ledger, parrot = Ledger(tmp_path / "ledger.sqlite", "create"), Parrot()

    def exchange(text: str) -> str:
        role = SimpleNamespace(chat=parrot)
        with chat_on_record(ledger, "0/propose/patch", role, 7):
            try:
                reply = asyncio.run(role.chat.complete([{"role": "user", "content": text}], 7))
            except LedgerError:
                return "the role failed"  # as the wrapper around a role records whatever the role raises
        return str(reply.text)

    assert [exchange("hello"), exchange("hello")] == ["hello", "hello"]
    assert parrot.calls == 1
    with pytest.raises(LedgerError, match="0/propose/patch/chat/0/0"):
        exchange("good-bye")
    assert parrot.calls == 1

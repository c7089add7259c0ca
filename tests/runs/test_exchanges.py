"""What a role says to its chat model is on record, and a model that is asked something else is no failure of the role."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ouroloop.agents.chat import ChatReply
from ouroloop.ledger.sqlite import Ledger
from ouroloop.ledger.steps.propose import Exchange, chat, tokens
from ouroloop.ledger.steps.usage import usage
from ouroloop.protocols.errors import LedgerError, ModelError
from ouroloop.protocols.prices import Tokens
from ouroloop.protocols.records import ToolCall
from ouroloop.runs.exchanges import chat_on_record, exchange


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


def test_a_key_in_a_reply_goes_before_the_reply_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    monkeypatch.setenv("SOME_API_KEY", key)
    ledger = Ledger(tmp_path / "ledger.sqlite", "create")
    heard = []
    for _ in range(2):
        role = SimpleNamespace(chat=SimpleNamespace(complete=lambda *_: said(f"I know {key} and sk-abcdefghijklmnop1234")))
        with chat_on_record(ledger, "0/propose/patch", role, 7):
            heard.append(asyncio.run(role.chat.complete([{"role": "user", "content": "hello"}], 7)).text)
    ledger.close()
    assert heard == ["I know *** and ***"] * 2
    assert not [path for path in tmp_path.iterdir() if key.encode() in path.read_bytes()]


async def said(text: str) -> ChatReply:
    """Return a reply."""
    return ChatReply(text, 1, 2)


def test_calls_are_on_record_without_keys_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    ledger, offered, key = Ledger(tmp_path / "ledger.sqlite", "create"), list[Any](), "sk-abcdefghijklmnop1234"
    good = ToolCall("look", f'{{"game": 1, "why": "{key}"}}', f"a {key}")
    odd = (None, 5, ToolCall("look", None, "b"), SimpleNamespace(name="look"))  # type: ignore[arg-type]

    async def complete(messages: Any, seed: int, *, tools: Any) -> ChatReply:
        offered.append(tools)
        return ChatReply("", None, None, calls=(*odd, good))  # type: ignore[arg-type]

    heard = []
    for _ in range(2):
        role = SimpleNamespace(chat=SimpleNamespace(complete=complete))
        with chat_on_record(ledger, "0/propose/patch", role, 7):
            heard.append(asyncio.run(role.chat.complete([{"role": "user", "content": "hello"}], 7, tools=[{"a": 1}])))
    assert offered == [[{"a": 1}]]
    assert heard[0] == heard[1]
    assert heard[0].calls == (ToolCall("look", '{"game": 1, "why": "***"}', "a ***"),)
    assert heard[0].tokens_out == -(-good.characters // 4)


def test_an_exchange_of_an_older_ledger_has_no_calls(tmp_path: Path) -> None:
    ledger, key = Ledger(tmp_path / "ledger.sqlite", "create"), chat("0/propose/patch", 0, 0)
    ledger.record(key.text, key.method, {}, {"text": "hello", "tokens_in": 1, "tokens_out": 2, "finish": "stop"}, None)
    assert key.read(ledger) == Exchange("hello", 1, 2)
    assert key.read(ledger).calls == ()


def test_calls_that_are_too_long_are_no_reply() -> None:
    long = ChatReply("", 1, 1, calls=(ToolCall("look", "x" * 300_000),))
    with pytest.raises(ModelError, match="at most 200000 are taken"):
        exchange(long, [])


class Mute:
    """A chat model that charges for a reply without an answer."""

    def __init__(self, used: Any) -> None:
        self.used = used

    async def complete(self, messages: list[dict[str, str]], seed: int) -> ChatReply:
        """Refuse."""
        error = ModelError("no answer")
        error.used = self.used
        raise error


@pytest.mark.parametrize(
    ("used", "counted"),
    [
        (Tokens(30, 60, 20, 10), Tokens(30, 60, 20, 10)),
        (Tokens(-5, 1, 10**30), Tokens(0, 1, 0)),
        (None, Tokens()),
        ("x", Tokens()),
    ],
)
def test_a_reply_without_an_answer_is_paid_as_well(used: Any, counted: Tokens, tmp_path: Path) -> None:
    ledger, role = Ledger(tmp_path / "ledger.sqlite", "create"), SimpleNamespace(chat=Mute(used))
    for _ in range(2):
        with chat_on_record(ledger, "0/propose/patch", role, 7), pytest.raises(ModelError, match="no answer"):
            asyncio.run(role.chat.complete([{"role": "user", "content": "hello"}], 7))
    assert tokens(ledger, "0/propose/patch") == counted
    assert [one.tokens for one in usage(ledger)] == [counted]


@pytest.mark.parametrize("data", [None, {}, {"type": "ContextTooLong"}, {"used": {}}])
def test_a_failed_exchange_of_an_older_ledger_used_nothing(data: Any, tmp_path: Path) -> None:
    ledger, error = Ledger(tmp_path / "ledger.sqlite", "create"), {"code": -32000, "message": "no", "data": data}
    ledger.record("0/propose/patch/chat/0/0", "chat.complete", {}, None, error)
    assert tokens(ledger, "0/propose/patch") == Tokens()


@pytest.mark.parametrize("used", [1, [], "x", {"tokens_in": -1}, {"tokens_in": 1.5}, {"tokens_out": 10**400}])
def test_a_charge_that_cannot_be_true_is_a_damaged_ledger(used: Any, tmp_path: Path) -> None:
    ledger, error = Ledger(tmp_path / "ledger.sqlite", "create"), {"code": -32000, "message": "no", "data": {"used": used}}
    ledger.record("0/propose/patch/chat/0/0", "chat.complete", {}, None, error)
    with pytest.raises(LedgerError, match="0/propose/patch/chat/0/0"):
        tokens(ledger, "0/propose/patch")

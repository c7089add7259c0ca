"""A chat model as a player: what it is asked, what is taken of its answers, and what it loses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ouroloop.agents.chat import ChatReply, Message
from ouroloop.bench.snake.xl.chat import ChatSeat
from ouroloop.bench.snake.xl.checking import verify
from ouroloop.bench.snake.xl.definition import Board, keys
from ouroloop.bench.snake.xl.players import player
from ouroloop.bench.snake.xl.playing import play
from ouroloop.bench.snake.xl.seats import Choice
from ouroloop.protocols.errors import ModelError, UsageError
from tests.agents.chat.scripted import Endpoint
from tests.agents.replies import completion
from tests.bench.snake.xl.conftest import Part


class Scripted:
    def __init__(self, says: Callable[[str, int], str]) -> None:
        self.says, self.asked = says, list[str]()

    async def complete(
        self,
        messages: list[Message],
        seed: int,
        schema: Mapping[str, Any] | None = None,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> ChatReply:
        prompt = str(messages[0]["content"])
        self.asked.append(prompt)
        return ChatReply(self.says(prompt, seed), 100, 5)


def asked(says: Callable[[str, int], str]) -> tuple[list[int], list[int], ChatSeat, Scripted]:
    board, chat = Board(6, 0.1), Scripted(says)
    engine = board.task().engine(keys(0, 2))
    with asyncio.Runner() as runner:
        seat = ChatSeat(chat, board, runner)
        actions, failed = seat.choose(engine, np.arange(2), np.arange(2))
    return actions.tolist(), failed, seat, chat


def test_it_sees_the_board_and_the_last_move_counts() -> None:
    actions, failed, seat, chat = asked(lambda prompt, seed: "Up is a wall, so I go **RIGHT**.")
    assert (actions, failed) == ([3, 3], [])
    assert seat.tokens() == 210
    assert "You play Snake on a 6x6 board." in chat.asked[0]
    assert {"@", "o", "*", "#"} <= set(chat.asked[0])
    assert chat.asked[0] != chat.asked[1]


def test_no_move_is_asked_for_once_more_and_then_loses_the_game() -> None:
    actions, failed, _, chat = asked(lambda prompt, seed: "left" if seed else "I rest.")
    assert (actions, failed) == ([2, 2], [])
    assert len(chat.asked) == 4
    _, failed, _, _ = asked(lambda prompt, seed: "upward, downtown")
    assert failed == [0, 1]


def test_a_server_plays_and_its_end_ends_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Endpoint() as endpoint:
        endpoint.says = lambda body: (200, completion("up"))
        one = player("chat:openai:scripted", Choice(base_url=endpoint.url, timeout_s=20.0))
        play(one, tmp_path / "chat.json", Part((Board(6, 0.0),), 2), lambda *_: None)
        result = verify(tmp_path / "chat.json")
        assert result.player.kind == "chat"
        assert result.boards[0].tokens
        endpoint.says = lambda body: (404, "gone")
        with pytest.raises(ModelError):
            play(one, tmp_path / "chat.json", Part((Board(6, 0.0), Board(8, 0.0)), 2), lambda *_: None)
        assert len(verify(tmp_path / "chat.json").boards) == 1


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="chat model 'nobody'"):
        player("chat:nobody", Choice())
    with pytest.raises(UsageError):
        player("chat:openai:x", Choice(base_url="https://user:secret@a.example/v1"))

"""A server whose script says (status, reply)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from ouroloop.agents.chat import ChatConfig, ChatReply, LangChainChat
from tests.agents.replies import Answer, Server, completion


class Endpoint(Server):
    """A server whose `says` gives (status, reply) for a body."""

    def __init__(self) -> None:
        """Serve until closed."""
        self.says: Callable[[dict], tuple[int, Any]] = lambda body: (200, completion("hello"))
        self.kind, self.encoding, self.headers = "application/json", "", dict[str, str]()
        super().__init__(self._answer)

    def _answer(self, body: dict, _: int) -> Answer:
        status, reply = self.says(body)
        text = reply if isinstance(reply, str | bytes) else json.dumps(reply)
        answer = Answer({"status": status}, None)
        answer.body = text.encode() if isinstance(text, str) else text
        coded = {"Content-Encoding": self.encoding} if self.encoding else {}
        answer.headers = {"Content-Type": self.kind, **coded, **self.headers}
        return answer

    def config(self, **extra: object) -> ChatConfig:
        """Return the settings of a model here."""
        return ChatConfig.model_validate(
            {"model": "openai:scripted", "base_url": self.url, "retries": 0, "timeout_s": 20, **extra}
        )

    def ask(self, schema: dict | None = None, **extra: object) -> ChatReply:
        """Ask once, with a conversation of 400 characters."""
        chat = LangChainChat(self.config(**extra))
        return asyncio.run(chat.complete([{"role": "user", "content": "x" * 400}], 1, schema))


def in_turn(*answers: tuple[int, Any]) -> Callable[[dict], tuple[int, Any]]:
    """Return a script that says these one after the other, the last one for ever."""
    left = list(answers)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]

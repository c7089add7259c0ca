"""LangChain's client of the OpenAI protocol, which keeps the server's answer as it was sent.

LangChain's own reading adds up the counts of a stream's events, joins their finish reasons to one word, and drops refusals,
thoughts, and answers whose message has no role. So the two methods that read an answer are put aside here, as packages of
providers do it (`langchain_deepseek`), and `agents.chat.answers` reads it instead.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr


class WireChat(ChatOpenAI):
    """A client for one question; its own reply is empty."""

    _told: list[object] = PrivateAttr(default_factory=list)

    @property
    def told(self) -> list[object]:
        """What the server sent: one body, or the events of a stream."""
        return self._told

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        self._told.append(response.model_dump(warnings=False) if hasattr(response, "model_dump") else response)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=""))])

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        self._told.append(chunk)
        return ChatGenerationChunk(message=AIMessageChunk(content="")) if len(self._told) == 1 else None

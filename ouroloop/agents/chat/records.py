"""What passes between a role and its chat model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from pydantic import JsonValue

from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.records import ToolCall
from ouroloop.protocols.text import counted

Message: TypeAlias = dict[str, JsonValue]
"""One message of a conversation: its `role` (`system`, `user`, `assistant`, `tool`) and its `content`.

That is text, or a list of parts as in the OpenAI protocol: of text (`text`), and of pictures (`image_url`). An assistant's
`tool_calls`, and the `tool_call_id` of the message that answers one, are as there too."""
PICTURE_CHARACTERS: Final = 2000
"""What a picture counts for where a server does not count: about 500 tokens."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A model's text, thoughts included, and what it cost.

    Args:
        text: the content as the server sent it; `channels.answer` gives the part that is meant to be read.
        tokens_in: tokens of the conversation, counted by the endpoint or estimated by us; see `config.counted`.
        tokens_out: tokens of the text.
        finish: `length` if the reply was cut off by `max_tokens`, `stop` if the model ended it.
        cached: the part of `tokens_in` that the endpoint read from its prompt cache.
        stored: the part of `tokens_in` that the endpoint put into its prompt cache.
        calls: calls of the functions that were offered.
    """

    text: str
    tokens_in: int
    tokens_out: int
    finish: Literal["stop", "length"] = "stop"
    cached: int = 0
    stored: int = 0
    calls: tuple[ToolCall, ...] = ()


class ContextTooLong(ModelError):
    """The conversation does not fit into the model's context; a shorter one may."""


class Chat(Protocol):
    """Something that answers a conversation."""

    async def complete(
        self,
        messages: list[Message],
        seed: int,
        schema: Mapping[str, Any] | None = None,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> ChatReply:
        """Return the reply to a conversation.

        Args:
            messages: the conversation so far.
            seed: the sampling seed, for endpoints that take one.
            schema: a JSON schema that the reply should have; endpoints that cannot constrain a reply ignore it.
            tools: the functions that the model may call, as in the OpenAI protocol. Whoever offers none may leave it out, so
                that a chat model without functions need not know it.

        Raises:
            ContextTooLong: the conversation does not fit into the model's context.
            ModelError: no reply came; one line gives the endpoint, the cause and the remedy.
        """
        ...


def with_pictures(message: Message, pictures: Iterable[str]) -> Message:
    """Return a message of text followed by pictures, PNGs in base64; the message as it is if there are none."""
    shown: list[JsonValue] = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}} for picture in pictures
    ]
    return {**message, "content": [{"type": "text", "text": message["content"]}, *shown]} if shown else message


def text_of(content: Any, calls: Iterable[ToolCall] = ()) -> str:
    """Return what a message says as text, then its calls; a picture is named with its size."""
    parts = content if isinstance(content, list) else [content] if content else []
    return "\n".join([*map(_text, parts), *map(_call_text, calls)])


def calls_of(message: Mapping[str, Any]) -> list[ToolCall]:
    """Return the calls in an assistant's message; what has another form is none."""
    told = message.get("tool_calls")
    calls = [(call, call.get("function")) for call in (told if isinstance(told, list) else []) if isinstance(call, dict)]
    return [
        ToolCall(str(function.get("name")), str(function.get("arguments")), str(call.get("id")))
        for call, function in calls
        if isinstance(function, dict)
    ]


def _call_text(call: ToolCall) -> str:
    """Return a call as a person reads it: `-> name(key=value)`, arguments of several lines below it."""
    try:
        given = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return f"-> {call.name}: {call.arguments}"
    long = [value for value in given.values() if isinstance(value, str) and "\n" in value]
    short = (f"{key}={'...' if value in long else json.dumps(value, ensure_ascii=False)}" for key, value in given.items())
    return "\n".join([f"-> {call.name}({', '.join(short)})", *long])


def characters(message: Any) -> int:
    """Return the length of a message, for estimates."""
    content = message.get("content", "")
    parts = content if isinstance(content, list) else [content]
    said = sum(PICTURE_CHARACTERS if _is_picture(part) else len(_text(part)) for part in parts)
    return said + sum(call.characters for call in calls_of(message))


def _is_picture(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"


def _text(part: Any) -> str:
    if _is_picture(part):
        return f"[a picture of {counted(len(str(part.get('image_url'))) * 3 // 4, 'byte')}]"
    return str(part.get("text", "")) if isinstance(part, dict) else str(part)

"""What passes between a role and its chat model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from pydantic import JsonValue

from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.text import counted

Message: TypeAlias = dict[str, JsonValue]
"""One message of a conversation: its `role` (`system`, `user`, `assistant`) and its `content`.

That is text, or a list of parts as in the OpenAI protocol: of text (`text`), and of pictures (`image_url`)."""
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
    """

    text: str
    tokens_in: int
    tokens_out: int
    finish: Literal["stop", "length"] = "stop"
    cached: int = 0
    stored: int = 0


class ContextTooLong(ModelError):
    """The conversation does not fit into the model's context; a shorter one may."""


class Chat(Protocol):
    """Something that answers a conversation."""

    async def complete(self, messages: list[Message], seed: int, schema: Mapping[str, Any] | None = None) -> ChatReply:
        """Return the reply to a conversation.

        Args:
            messages: the conversation so far.
            seed: the sampling seed, for endpoints that take one.
            schema: a JSON schema that the reply should have; endpoints that cannot constrain a reply ignore it.

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


def text_of(content: Any) -> str:
    """Return what a message says as text; a picture is named with its size."""
    if not isinstance(content, list):
        return str(content)
    return "\n".join(_text(part) for part in content)


def characters(message: Any) -> int:
    """Return the length of a message, for estimates."""
    content = message.get("content", "")
    parts = content if isinstance(content, list) else [content]
    return sum(PICTURE_CHARACTERS if _is_picture(part) else len(_text(part)) for part in parts)


def _is_picture(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "image_url"


def _text(part: Any) -> str:
    if _is_picture(part):
        return f"[a picture of {counted(len(str(part.get('image_url'))) * 3 // 4, 'byte')}]"
    return str(part.get("text", "")) if isinstance(part, dict) else str(part)

"""What passes between a role and its chat model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from ouroloop.protocols.errors import ModelError

Message: TypeAlias = dict[str, str]
"""One message of a conversation: its `role` (`system`, `user`, `assistant`) and its `content`."""


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

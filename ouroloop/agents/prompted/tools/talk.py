"""A conversation that goes on for several turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ouroloop.agents.chat import Chat, ChatReply, ContextTooLong, Message

KEPT: Final = 2
"""The turns that are kept of a conversation that no longer fits into the model's context."""


class Talk:
    """The conversation about one proposal.

    Args:
        chat: the model.
        seed: the seed of each question.
        begin: makes its beginning; with `brief` set, one for a short context.
    """

    def __init__(self, chat: Chat, seed: int, begin: Callable[[bool], list[Message]]) -> None:
        """Begin it."""
        self._chat, self._seed, self._begin = chat, seed, begin
        self.begun = begin(False)
        self._from = 0
        """How many of the later messages are left out."""

    async def reply(self, said: Sequence[Message], **offered: Any) -> ChatReply:
        """Return the model's next reply; a conversation that is too long loses its middle, and is sent once more.

        Args:
            said: all messages after the beginning, those of a turn begin with the assistant's.
            offered: further arguments of `Chat.complete`.

        Raises:
            ModelError: no reply came.
        """
        try:
            return await self._chat.complete([*self.begun, *said[self._from :]], self._seed, **offered)
        except ContextTooLong:
            turns = [place for place, message in enumerate(said) if message["role"] == "assistant"]
            self.begun, self._from = self._begin(True), turns[-KEPT] if len(turns) > KEPT else 0
            return await self._chat.complete([*self.begun, *said[self._from :]], self._seed, **offered)

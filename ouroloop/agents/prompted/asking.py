"""Asking a chat model for several candidates side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ouroloop.agents.chat import Chat, ChatReply, ContextTooLong, Message
from ouroloop.protocols.errors import ModelError


@dataclass(frozen=True, slots=True)
class Question:
    """One conversation that ends in a question.

    Args:
        messages: makes the conversation; with `brief` set, one without history and lost games, for a short context.
        seed: the sampling seed.
        schema: the JSON schema that the reply should have.
    """

    messages: Callable[[bool], list[Message]]
    seed: int
    schema: Mapping[str, Any] | None = None


async def ask_all(chat: Chat, questions: Sequence[Question]) -> list[ChatReply | ModelError]:
    """Ask all questions concurrently; return a reply or an error for each, in order.

    Raises:
        ModelError: no question was answered.
    """
    answers = await asyncio.gather(*(_asked(chat, question) for question in questions))
    failed = [answer for answer in answers if isinstance(answer, ModelError)]
    if answers and len(failed) == len(answers):
        raise ModelError(str(failed[0]), tuple((str(error), None) for error in failed)) from failed[0]
    return list(answers)


async def _asked(chat: Chat, question: Question) -> ChatReply | ModelError:
    """Ask one question, and once more in brief if it does not fit into the model's context."""
    for brief in (False, True):
        try:
            return await chat.complete(question.messages(brief), question.seed, question.schema)
        except ContextTooLong as error:
            if brief:
                return error
        except ModelError as error:
            return error
    raise AssertionError("the loop returns")

"""What a server answered, read from the bodies of the OpenAI protocol, or from LangChain's message of another provider."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ouroloop.agents.chat.counts import Counts, counts
from ouroloop.agents.chat.endings import Ending, ending
from ouroloop.protocols.prices import Tokens
from ouroloop.protocols.records import ToolCall

_THOUGHTS: Final = ("reasoning_content", "reasoning", "thinking")
"""Where servers put thoughts, beside the text."""
_TEXTS: Final = (None, "text", "output_text")
"""The types of a content's parts that are text."""
_CALLS: Final = 16
"""The most calls that are taken of a reply."""
_NAMED: Final = re.compile(r"[^A-Za-z0-9_-]")
"""What the name of a function cannot hold. A server refuses a conversation with such a name, which a model has made up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer.

    Args:
        text: the message's content.
        thoughts: characters of thoughts that the server sent apart from it.
        finish: why it ended.
        named: the server's name for that.
        counts: the server's counts of tokens.
        refusal: why the model does not answer, in its own words.
        calls: the calls of functions in it.
    """

    text: str
    thoughts: int
    finish: Ending
    named: str
    counts: Counts
    refusal: str = ""
    calls: tuple[ToolCall, ...] = ()

    @property
    def length(self) -> int:
        """The characters of text and calls."""
        return len(self.text) + sum(call.characters for call in self.calls)

    def tokens(self, asked: int) -> Tokens:
        """Return the tokens of the exchange, whose conversation has so many characters."""
        return self.counts.tokens(asked, self.length + self.thoughts)


class AnsweredError(Exception):
    """A server answered with an error in place of a reply, and with the status of success.

    Args:
        body: the error, as the server put it.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Keep the body, and the code in it."""
        super().__init__("an error in place of a reply")
        self.body, self.code = body, body.get("code")


def heard(told: Sequence[object], *, streamed: bool) -> Answer:
    """Return the answer in what a server sent: one body, or the events of a stream.

    Raises:
        AnsweredError: it sent an error.
        ValueError: it sent something else than a chat completion.
    """
    for body in told:
        if not isinstance(body, Mapping):
            raise ValueError(f"the server sent {body!r:.400}")
        if (error := _error(body)) is not None:
            raise AnsweredError(error)
    messages = _messages(_choices(told))
    if not messages:
        raise ValueError("the answer holds no message")
    if odd := next((said for one in messages if not isinstance(said := one.get("content"), str | list | None)), None):
        raise ValueError(f"the content of the message is a {type(odd).__name__}")
    return _read(told, streamed=streamed)


def charged(told: Sequence[object], asked: int) -> Tokens:
    """Return the tokens of what a server sent before it failed, to a conversation of so many characters."""
    answer = _read(told, streamed=True)
    return answer.tokens(asked) if answer.counts != Counts() or answer.length or answer.thoughts else Tokens()


def of_message(message: Any) -> Answer:
    """Return the answer in a message of LangChain's."""
    told = message.response_metadata or {}
    finish, named = ending([told], streamed=False)
    extra = message.additional_kwargs
    return Answer(
        str(message.text),
        _thoughts({**extra, "content": message.content}),
        finish,
        named,
        counts([message.usage_metadata, told.get("token_usage")]),
        str(extra.get("refusal") or ""),
        tuple(_call(call["name"], call["args"], call["id"]) for call in (*message.tool_calls, *message.invalid_tool_calls))[
            :_CALLS
        ],
    )


def _read(told: Sequence[object], *, streamed: bool) -> Answer:
    """Return what is an answer in what a server sent; all else in there is passed over."""
    choices = _choices(told)
    messages = _messages(choices)
    finish, named = ending(choices, streamed=streamed)
    return Answer(
        "".join(_text(message.get("content")) for message in messages),
        sum(_thoughts(message) for message in messages),
        finish,
        named,
        counts(body.get("usage") for body in told if isinstance(body, Mapping)),
        "".join(refusal for message in messages if isinstance(refusal := message.get("refusal"), str)),
        _calls(messages, streamed=streamed),
    )


def _calls(messages: Sequence[Mapping[str, Any]], *, streamed: bool) -> tuple[ToolCall, ...]:
    """Return the calls in messages. In a stream a call comes in pieces, of which the first alone has name and id.

    Pieces of one call share their index. Some servers give none, or the same to every call, with an id for each.
    """
    found: list[ToolCall] = []
    at: dict[int, int] = {}
    for part in (part for message in messages for part in _parts(message)):
        function = part["function"]
        piece = _call(function.get("name"), function.get("arguments"), part.get("id"))
        index = part.get("index")
        place = at.get(index) if type(index) is int else len(found) - 1 if found else None
        if place is None or not streamed or _begins(piece, found[place], counted=type(index) is int):
            place = len(found)
            found.append(piece)
        else:
            known = found[place]
            found[place] = ToolCall(known.name or piece.name, known.arguments + piece.arguments, known.id or piece.id)
        if type(index) is int:
            at[index] = place
    return tuple(found[:_CALLS])


def _begins(piece: ToolCall, known: ToolCall, *, counted: bool) -> bool:
    """Return whether a piece is the first of another call than the one known at its place."""
    if piece.id:
        return bool(known.id) and piece.id != known.id
    return bool(piece.name) and not counted


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the calls in a message, or pieces of calls; an older form has one, without a list."""
    told = message.get("tool_calls") or [{"index": 0, "function": message.get("function_call")}]
    parts = [part for part in (told if isinstance(told, list) else []) if isinstance(part, Mapping)]
    return [part for part in parts if isinstance(part.get("function"), Mapping)]


def _call(name: object, arguments: object, id: object) -> ToolCall:
    """Return a call, or a piece of one; some servers give the arguments as a table."""
    said = "" if arguments is None else arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(_NAMED.sub("_", str(name or ""))[:64], said, str(id or ""))


def _choices(told: Sequence[object]) -> list[Mapping[str, Any]]:
    """Return the first choice of each body."""
    found = [body.get("choices") for body in told if isinstance(body, Mapping)]
    return [choices[0] for choices in found if isinstance(choices, list) and choices and isinstance(choices[0], Mapping)]


def _messages(choices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the messages of choices, or parts of messages. Whose role they have is nothing to us."""
    found = [message for choice in choices for name in ("message", "delta") if (message := choice.get(name)) is not None]
    return [message for message in found if isinstance(message, Mapping)]


def _error(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the error in a body: that of OpenRouter and others, of a choice, or the bare one of vLLM and FastAPI."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for holder in (body, first):
        if isinstance(holder, Mapping) and (error := holder.get("error")):
            return error if isinstance(error, Mapping) else holder
    return body if not choices and (body.get("message") or body.get("detail")) else None


def _text(content: object) -> str:
    """Return a message's content, which may come in parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") if isinstance(part, Mapping) and part.get("type") in _TEXTS else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


def _thoughts(message: Mapping[str, Any]) -> int:
    """Return the characters of the thoughts beside a message's text, or in a part of its content."""
    content = message.get("content")
    holders = [message, *(part for part in (content if isinstance(content, list) else []) if isinstance(part, Mapping))]
    return sum(
        len(str(said)) for holder in holders if (said := next((holder[key] for key in _THOUGHTS if holder.get(key)), None))
    )

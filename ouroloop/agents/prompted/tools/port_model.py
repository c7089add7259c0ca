"""LangChain's view of a chat model behind a role's port, and what passes between the two.

A call whose arguments are no JSON is one of LangChain's `invalid_tool_calls`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolMessage
from langchain_core.messages import ToolCall as GoodCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from ouroloop.agents.chat import ChatReply, Message
from ouroloop.agents.prompted.reading import read
from ouroloop.protocols.records import ToolCall
from ouroloop.protocols.text import plain_line, whole

_SAID: Final = 600
"""Characters that are told of what is wrong with a call."""


class PortModel(BaseChatModel):
    """LangChain's view of a chat model behind a port.

    Args:
        ask: asks it; takes the conversation, and the functions that it is offered.
    """

    ask: Callable[[Sequence[BaseMessage], Sequence[Mapping[str, Any]]], Awaitable[AIMessage]]
    cache: bool = False

    @property
    def _llm_type(self) -> str:
        return "ouroloop"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        """Return this model with functions that it offers."""
        return self.bind(tools=[convert_to_openai_tool(one) for one in tools])

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("a port is asked asynchronously")

    async def _agenerate(
        self, messages: list[BaseMessage], *_: Any, tools: Sequence[Mapping[str, Any]] = (), **__: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=await self.ask(messages, tools))])


def heard(reply: ChatReply, max_tokens: int, turn: int) -> AIMessage:
    """Return the reply of a turn as LangChain's message; its metadata say why its text is no answer, under `fault`."""
    text, fault = read(reply, max_tokens)
    good, bad = list[GoodCall](), list[InvalidToolCall]()
    for place, call in enumerate(reply.calls):
        id = call.id if call.id and call.id not in {one.id for one in reply.calls[:place]} else f"call_{turn}_{place}"
        try:
            good.append(GoodCall(name=call.name, args=_arguments(call), id=id))
        except (ValueError, RecursionError) as error:
            cut = f", and {fault}" if reply.finish == "length" else ""
            why = f"The arguments are no JSON object ({plain_line(str(error), 120)}){cut}."
            bad.append(InvalidToolCall(type="invalid_tool_call", name=call.name, args=call.arguments, id=id, error=why))
    return AIMessage(text, tool_calls=good, invalid_tool_calls=bad, response_metadata={"fault": fault})


def _arguments(call: ToolCall) -> dict[str, Any]:
    """Return the arguments of a call, without halves of characters. Raises ValueError if they are no object."""
    given = json.loads(call.arguments or "{}")
    if not isinstance(given, dict):
        raise ValueError(f"found a {type(given).__name__}")
    found: dict[str, Any] = json.loads(whole(json.dumps(given, ensure_ascii=False)))
    return found


def sent(message: BaseMessage) -> Message:
    """Return a message of LangChain's as the port takes it."""
    if isinstance(message, ToolMessage):
        text = whole(str(message.text))
        told = plain_line(text, _SAID) if message.status == "error" else text
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": told}
    if not isinstance(message, AIMessage):
        return {"role": "user", "content": message.content}  # type: ignore[dict-item]
    # Servers parse the arguments of earlier calls, and refuse a conversation in which they are no JSON.
    calls = [(one["id"], one["name"], json.dumps(one["args"], ensure_ascii=False)) for one in message.tool_calls]
    calls += [(one["id"], str(one["name"]), "{}") for one in message.invalid_tool_calls]
    said: Message = {"role": "assistant", "content": str(message.text)}
    if calls:
        said["tool_calls"] = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": given}} for id, name, given in calls
        ]
    return said

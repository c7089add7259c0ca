"""The tools as functions that a model calls, in the agent loop of LangChain.

LangChain's model is a front of the role's own port, so that every exchange is recorded, limited and paid for as any other. Its
calls run one after the other: what they say must not depend on which ends first, or a resumed run would ask something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool

from ouroloop.agents.chat import ChatConfig, with_pictures
from ouroloop.agents.prompted.tools.desk import Desk
from ouroloop.agents.prompted.tools.port_model import PortModel, heard, sent
from ouroloop.agents.prompted.tools.talk import Talk
from ouroloop.agents.prompted.tools.words import answered


async def converse(talk: Talk, desk: Desk, config: ChatConfig) -> None:
    """Let the model work on a proposal until it submits or its turns are used up.

    Raises:
        ModelError: a reply did not come.
    """
    begun, turns = list[Any](talk.begun), Turns(desk, sees=config.sees)

    async def ask(messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> AIMessage:
        reply = await talk.reply([sent(message) for message in messages[len(begun) :]], tools=tools)
        desk.turns += 1
        return heard(reply, config.max_tokens, desk.turns)

    agent = create_agent(PortModel(ask=ask), turns.functions(), middleware=[turns])
    await agent.ainvoke({"messages": begun}, {"max_concurrency": 1})


class Turns(AgentMiddleware):
    """What LangChain's loop asks between the model's replies: whether to go on, and what to say to a reply without a call.

    Args:
        desk: the tools.
        sees: whether the model is shown pictures. The answer to a call holds text alone, so they follow in a message.
    """

    def __init__(self, desk: Desk, *, sees: bool) -> None:
        """Begin without a picture to show."""
        super().__init__()
        self._desk, self._sees = desk, sees
        self._pictures: tuple[str, ...] = ()

    def functions(self) -> list[BaseTool]:
        """Return the functions; the model reads their docs."""
        desk = self._desk

        @tool
        async def try_draft(patch: str) -> str:
            """Screen a draft and let it play against the controller in use. `patch`: a controller in the form asked for."""
            return self._told(await desk.attempt(*desk.read(patch)) + desk.ideas())

        @tool
        async def look(game: int) -> str:
            """See how the controller that played last lost its game of this number, from 1."""
            seen, pictures = desk.look(game)
            self._pictures += pictures
            return self._told(seen)

        @tool
        async def oracle(game: int) -> str:
            """Get the regret of every move in the last positions of that lost game: 0 is best, 1 loses at once."""
            return self._told(desk.oracle(game))

        @tool
        async def read_toolkit(name: str = "") -> str:
            """Get signature, doc and use of a toolkit function, of all functions without a name."""
            return self._told(desk.toolkit(name))

        @tool
        async def submit() -> str:
            """Make the best draft so far the proposal."""
            desk.over = True
            return "Submitted."

        return [try_draft, look, oracle, read_toolkit, submit]

    def _told(self, seen: str) -> str:
        return f"{seen}\n\nTurns left: {self._desk.left}."

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """End the loop if the work is done; else show the pictures of the games that were looked at."""
        if self._desk.left <= 0:
            return {"jump_to": "end"}
        shown, self._pictures = self._pictures, ()
        if not (shown and self._sees):
            return None
        content: Any = with_pictures({"content": "The positions as pictures:"}, shown)["content"]
        return {"messages": [HumanMessage(content)]}

    @hook_config(can_jump_to=["model"])
    async def aafter_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Answer calls that cannot be read. A reply without a call is read for words, since models write drafts as text too."""
        reply: AIMessage = state["messages"][-1]
        faulty = [ToolMessage(str(one["error"]), tool_call_id=one["id"], status="error") for one in reply.invalid_tool_calls]
        if reply.tool_calls:
            return {"messages": faulty}
        if faulty:
            return {"messages": faulty, "jump_to": "model"}
        seen, self._pictures = await answered(self._desk, str(reply.text), reply.response_metadata["fault"])
        told = self._told(seen or f"That calls no function: call one of {', '.join(one.name for one in self.functions())}.")
        return {"messages": [HumanMessage(told)], "jump_to": "model"}

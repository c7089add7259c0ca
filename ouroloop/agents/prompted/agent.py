"""The code patcher that works in turns: it writes drafts, learns how each plays, looks at lost games, and submits one.

Its tools are words in a reply, or functions for models that call them; see `tools`. The host tries drafts on search games; see
`ports.Workshop`.
"""

from __future__ import annotations

import asyncio
from importlib.resources import files
from string import Template
from typing import ClassVar, Final, Literal

from pydantic import Field

from ouroloop.agents.chat import Chat, ChatConfig, LangChainChat, Message
from ouroloop.agents.prompted.patcher import prompt
from ouroloop.agents.prompted.tools import words
from ouroloop.agents.prompted.tools.desk import Desk
from ouroloop.agents.prompted.tools.talk import Talk
from ouroloop.agents.replies import built, lost
from ouroloop.agents.waiting import unfinished
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import Lost, PatchProposal, PatchReply, PatchRequest
from ouroloop.protocols.ports import Workshop
from ouroloop.protocols.text import plain_line

RULES: Final = {
    "words": files("ouroloop.agents.prompted") / "patcher_agent.md",
    "functions": files("ouroloop.agents.prompted") / "patcher_functions.md",
}


class AgentConfig(ChatConfig):
    """The model, and its budget.

    Args:
        turns: the most replies of the model for one proposal.
        tools: whether they are words in its replies, as any model can write them, or functions that it calls.
    """

    turns: int = Field(default=4, ge=1, le=32)
    tools: Literal["words", "functions"] = "words"
    prompt_cache: bool = True

    @property
    def offers_tools(self) -> bool:
        """Whether functions are offered to the model."""
        return self.tools == "functions"


class AgentPatcher:
    """Answers `patch.propose` with the best draft of a conversation for each candidate.

    `chat` is the backend, as in `ChatPatcher`. `workshop` tries drafts; without one the first draft is the proposal.
    """

    name = "agent-patcher"
    method: ClassVar[str] = "patch.propose"
    Config: ClassVar[type[AgentConfig]] = AgentConfig
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    def __init__(self, config: AgentConfig) -> None:
        """Keep the config; `act` contacts the model."""
        self.config = config
        self.chat: Chat = LangChainChat(config)
        self.workshop: Workshop | None = None
        self.turns = config.turns

    async def act(self, request: PatchRequest) -> PatchReply:
        """Return the best draft for each candidate; the screen says what is wrong with those that were never right.

        A conversation that is not over when the time is up ends with what it has.

        Raises:
            ModelError: no conversation came to a draft.
        """
        workshop = self.workshop
        desks = [Desk(request, index, self.turns, workshop) for index in range(request.count)]
        tasks = [asyncio.create_task(self._worked(desk)) for desk in desks]
        limit = self.config.timeout_s * request.count * self.turns
        late = await unfinished(tasks, limit, lambda: 0.0 if workshop is None else workshop.seconds)
        for task in late:
            task.cancel()
        gone = ModelError(f"no draft came within {limit:g} s; raise timeout_s")
        ended = [
            (desk if desk.draft else gone) if task in late else task.result() for task, desk in zip(tasks, desks, strict=True)
        ]
        failed = [one for one in ended if isinstance(one, ModelError)]
        if failed and len(failed) == len(ended):
            raise ModelError(str(failed[0]), tuple((str(error), None) for error in failed)) from failed[0]
        made = [lost(str(desk)) if isinstance(desk, ModelError) else self._proposal(desk) for desk in ended]
        return PatchReply(
            proposals=tuple(one for one in made if isinstance(one, PatchProposal)),
            lost=tuple(one for one in made if isinstance(one, Lost)),
        )

    def _proposal(self, desk: Desk) -> PatchProposal | Lost:
        said, place = f"{desk.request.mode}: written by {self.config.model} in {desk.turns} turns", desk.index
        if desk.best is None or desk.best_facts is None:
            why = plain_line(said)
            return built(PatchProposal, text=desk.draft, rationale=why, wish=desk.wish, fault=desk.fault, place=place)
        played, before = desk.best_facts, desk.request.diagnosis
        told = f"; utility {played.utility:.3f} over {played.games} search games, {before.utility:.3f} before"
        return built(PatchProposal, text=desk.best, rationale=plain_line(said + told), wish=desk.best_wish, place=place)

    async def _worked(self, desk: Desk) -> Desk | ModelError:
        """Hold the conversation about one candidate. An error after a first draft ends it, and the draft stays."""
        talk = Talk(self.chat, desk.request.seed + desk.index, lambda brief: self._begun(desk, brief=brief))
        try:
            if self.config.tools == "words":
                await words.converse(talk, desk, self.config)
            else:
                from ouroloop.agents.prompted.tools import functions  # LangChain takes a second

                await functions.converse(talk, desk, self.config)
        except ModelError as error:
            if not desk.draft:
                return error
        return desk

    def _begun(self, desk: Desk, *, brief: bool) -> list[Message]:
        request = desk.request
        messages = prompt(request, desk.index, brief=brief, sees=self.config.sees)
        rules = Template(RULES[self.config.tools].read_text(encoding="utf-8"))
        told = rules.substitute(turns=desk.budget, games=request.diagnosis.games).strip()
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{told}"}, *messages[1:]]

"""The code patcher that works in turns: it writes drafts, learns how each plays, looks at lost games, and submits one.

The tools are words in a reply, not a provider's function calls, so any model can use them. The loop follows ReAct (Yao et al.
2023): thought, action, observation. The host tries drafts on search games; see `ports.Workshop`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import ClassVar, Final

from pydantic import Field

from ouroloop.agents.chat import Chat, ChatConfig, ContextTooLong, LangChainChat, Message, with_pictures
from ouroloop.agents.prompted.blocks import outside
from ouroloop.agents.prompted.hints import ideas
from ouroloop.agents.prompted.patcher import prompt
from ouroloop.agents.prompted.patches import mended
from ouroloop.agents.prompted.prompting import diagnosis_text
from ouroloop.agents.prompted.reading import read
from ouroloop.agents.prompted.wishes import with_wish
from ouroloop.agents.replies import built, lost
from ouroloop.agents.waiting import unfinished
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import Lost, PatchProposal, PatchReply, PatchRequest, Trial, Wish
from ouroloop.protocols.ports import Workshop
from ouroloop.protocols.text import holds_edits, plain_line

RULES: Final = files("ouroloop.agents.prompted") / "patcher_agent.md"
_LEAD: Final = r"^[^\w\n]*+(?:(?:[Aa]ction|ACTION)[^\w\n]++)?+"
LOOK: Final = re.compile(
    _LEAD + r"(?:LOOK|[Ll]ook)[^\w\n]++(?:(?:at|game)[^\w\n]++)*+(\d{1,4})\b[^\w\n(]*+(?:\([^()\n]*+\))?+[^\w\n]*+$",
    re.MULTILINE,
)
SUBMIT: Final = re.compile(_LEAD + r"(?:SUBMIT(?:[^\w\n]++(?:the|this|my|best|last|draft))*+|Submit)[^\w\n]*+$", re.MULTILINE)
"""The words are lines of their own: in a sentence they are only talked about."""
DRAFT: Final = re.compile(r"^(?:def act *\(|@@ |--- )", re.MULTILINE)
"""Where a whole controller or a diff begins; `holds_edits` knows edits."""
KEPT: Final = 2
"""The turns that are kept of a conversation that no longer fits into the model's context."""


class AgentConfig(ChatConfig):
    """The model, and its budget.

    Args:
        turns: the most replies of the model for one proposal.
    """

    turns: int = Field(default=4, ge=1, le=32)
    prompt_cache: bool = True


@dataclass(slots=True)
class Work:
    """The work on one proposal: the conversation, the last draft, and the best one that played."""

    asked: list[Message]
    said: list[Message] = field(default_factory=list)
    draft: str = ""
    fault: str | None = None
    shown: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    tried: set[str] = field(default_factory=set)
    wish: Wish | None = None
    best: str | None = None
    best_wish: Wish | None = None
    best_trial: Trial | None = None
    turns: int = 0

    @property
    def utility(self) -> float:
        """The mean utility of the best draft."""
        return self.best_trial.facts.utility if self.best_trial is not None and self.best_trial.facts is not None else -1.0


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
        works = [Work(self._begun(request, index, brief=False)) for index in range(request.count)]
        tasks = [asyncio.create_task(self._worked(request, index, work)) for index, work in enumerate(works)]
        limit, workshop = self.config.timeout_s * request.count * self.turns, self.workshop
        late = await unfinished(tasks, limit, lambda: 0.0 if workshop is None else workshop.seconds)
        for task in late:
            task.cancel()
        gone = ModelError(f"no draft came within {limit:g} s; raise timeout_s")
        ended = [
            (work if work.draft else gone) if task in late else task.result() for task, work in zip(tasks, works, strict=True)
        ]
        failed = [one for one in ended if isinstance(one, ModelError)]
        if failed and len(failed) == len(ended):
            raise ModelError(str(failed[0]), tuple((str(error), None) for error in failed)) from failed[0]
        made = [
            lost(str(work)) if isinstance(work, ModelError) else self._proposal(request, work, place)
            for place, work in enumerate(ended)
        ]
        return PatchReply(
            proposals=tuple(one for one in made if isinstance(one, PatchProposal)),
            lost=tuple(one for one in made if isinstance(one, Lost)),
        )

    def _proposal(self, request: PatchRequest, work: Work, place: int) -> PatchProposal | Lost:
        said = f"{request.mode}: written by {self.config.model} in {work.turns} turns"
        if work.best is None or work.best_trial is None or work.best_trial.facts is None:
            why = plain_line(said)
            return built(PatchProposal, text=work.draft, rationale=why, wish=work.wish, fault=work.fault, place=place)
        played, before = work.best_trial.facts, request.diagnosis
        told = f"; utility {played.utility:.3f} over {played.games} search games, {before.utility:.3f} before"
        return built(PatchProposal, text=work.best, rationale=plain_line(said + told), wish=work.best_wish, place=place)

    async def _worked(self, request: PatchRequest, index: int, work: Work) -> Work | ModelError:
        """Hold the conversation about one candidate. An error after a first draft ends it, and the draft stays."""
        work.shown, work.pictures = request.diagnosis.transcripts, request.diagnosis.pictures
        try:
            while work.turns < self.config.turns:
                reply = await self._reply(work, request, index)
                work.turns += 1
                if await self._told(work, request, index, reply):
                    break
        except ModelError as error:
            if not work.draft:
                return error
        return work

    def _begun(self, request: PatchRequest, index: int, *, brief: bool) -> list[Message]:
        messages = prompt(request, index, brief=brief, sees=self.config.sees)
        rules = Template(RULES.read_text(encoding="utf-8"))
        told = rules.substitute(turns=self.config.turns, games=request.diagnosis.games).strip()
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{told}"}, *messages[1:]]

    async def _reply(self, work: Work, request: PatchRequest, index: int) -> tuple[str, str | None]:
        """Return the model's next answer, and why it is none; a conversation that is too long loses its middle, once."""
        seed = request.seed + index
        try:
            reply = await self.chat.complete([*work.asked, *work.said], seed)
        except ContextTooLong:
            work.asked, work.said = self._begun(request, index, brief=True), work.said[-2 * KEPT :]
            reply = await self.chat.complete([*work.asked, *work.said], seed)
        return read(reply, self.config.max_tokens)

    async def _told(self, work: Work, request: PatchRequest, index: int, reply: tuple[str, str | None]) -> bool:
        """Do what an answer asks for, and add what comes of it to the conversation; return whether the work is done."""
        text, fault = reply
        looked: tuple[str, ...] = ()
        bare, wish = with_wish(text, request.source)
        draft = mended(bare, [tool.name for tool in request.toolkit], request.source)
        drafted = fault is None and (DRAFT.search(draft) is not None or holds_edits(draft))
        if drafted or (fault is not None and not work.draft):
            work.draft, work.wish, work.fault = (draft, wish, None) if drafted else (text, None, fault)
        if fault is not None:
            seen = f"{fault}. Write less."
        elif drafted and self.workshop is None:
            return True
        elif drafted and work.draft in work.tried:
            seen = "You sent this draft before, so it is not tried again."
        elif drafted and self.workshop is not None:
            work.tried.add(work.draft)
            trial = await self.workshop.trial(index, work.turns, work.draft)
            seen = self._judged(work, request, trial)
        elif SUBMIT.search(said := outside(text)):
            return True
        elif found := LOOK.search(said):
            number = int(found[1])
            seen, looked = self._game(work, number), work.pictures[number - 1 : number] if number else ()
        else:
            seen = "That holds no draft, no LOOK and no SUBMIT."
        left = self.config.turns - work.turns
        lines = ideas(request.toolkit, len(request.actions), request.diagnosis.findings, index + work.turns)
        other = f" Lines that another draft could hold:\n```python\n{lines}\n```" if lines else ""
        told = f"{seen}\n\nTurns left: {left}. Send a better draft, LOOK N, or SUBMIT.{other}"
        work.said += [
            {"role": "assistant", "content": text},
            with_pictures({"role": "user", "content": told}, looked if self.config.sees else ()),
        ]
        return False

    def _judged(self, work: Work, request: PatchRequest, trial: Trial) -> str:
        """Return what came of a draft; the best one is kept."""
        if trial.facts is None:
            return f"The draft is refused (layer {trial.layer}): {trial.reason}"
        work.shown, work.pictures = trial.facts.transcripts, trial.facts.pictures
        if trial.facts.utility > work.utility:
            work.best, work.best_wish, work.best_trial = work.draft, work.wish, trial
        before = request.diagnosis
        return (
            f"The draft passes the screen and plays. {diagnosis_text(trial.facts)}\n"
            f"On the same games the controller in use has a mean score of {before.score:.2f}, utility {before.utility:.3f}; "
            f"the best draft so far has utility {work.utility:.3f}."
        )

    @staticmethod
    def _game(work: Work, number: int) -> str:
        if not 1 <= number <= len(work.shown):
            return f"There are {len(work.shown)} lost games to look at."
        return f"How game {number} was lost:\n{work.shown[number - 1]}"

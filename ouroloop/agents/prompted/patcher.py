"""The code patcher that asks a chat model."""

from __future__ import annotations

from importlib.resources import files
from typing import ClassVar, Final

from ouroloop.agents.chat import Chat, ChatConfig, LangChainChat, Message, with_pictures
from ouroloop.agents.known import usable_patches
from ouroloop.agents.prompted.asking import Question, ask_all
from ouroloop.agents.prompted.hints import example_controller, ideas, toolkit_text
from ouroloop.agents.prompted.patches import mended
from ouroloop.agents.prompted.prompting import conversation, diagnosis_text, history_text, known_text, repairing
from ouroloop.agents.prompted.reading import read
from ouroloop.agents.prompted.wishes import ASKS, with_wish
from ouroloop.agents.replies import built, lost
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import Lost, PatchProposal, PatchReply, PatchRequest
from ouroloop.protocols.text import plain_line

WHOLE: Final = files("ouroloop.agents.prompted") / "patcher_whole.md"
EDITS: Final = files("ouroloop.agents.prompted") / "patcher_edits.md"
WHOLE_LINES: Final = 150
"""The most lines of a controller that a model is asked to write out in full; of a longer one it sends edits."""


class ChatPatcher:
    """Answers `patch.propose` with one model call per candidate; the whole reply, its form mended, is the proposal.

    `chat` is the backend; a wrapper may replace it to record or replay.
    """

    name = "chat-patcher"
    method: ClassVar[str] = "patch.propose"
    Config: ClassVar[type[ChatConfig]] = ChatConfig
    Request: ClassVar[type[PatchRequest]] = PatchRequest
    Reply: ClassVar[type[PatchReply]] = PatchReply

    def __init__(self, config: ChatConfig) -> None:
        """Keep the config; `act` contacts the model."""
        self.config = config
        self.chat: Chat = LangChainChat(config)

    async def act(self, request: PatchRequest) -> PatchReply:
        """Return the model's replies; the screen says what is wrong with each.

        Raises:
            ModelError: no call was answered.
        """
        sees = self.config.sees
        answers = await ask_all(self.chat, [question(request, index, sees=sees) for index in range(request.count)])
        why = plain_line(f"{request.mode}: written by {self.config.model}")
        tools = [tool.name for tool in request.toolkit]
        made: list[PatchProposal | Lost] = []
        for place, reply in enumerate(answers):
            if isinstance(reply, ModelError):
                made.append(lost(str(reply)))
                continue
            text, fault = read(reply, self.config.max_tokens)
            text, wish = (text, None) if fault else with_wish(text, request.source)
            text = text if fault else mended(text, tools, request.source)
            made.append(built(PatchProposal, text=text, rationale=why, wish=wish, fault=fault, place=place))
        return PatchReply(
            proposals=tuple(one for one in made if isinstance(one, PatchProposal)),
            lost=tuple(one for one in made if isinstance(one, Lost)),
        )


def question(request: PatchRequest, index: int, *, sees: bool = False) -> Question:
    """Return the question for one candidate; a model that sees also gets the lost game as a picture."""
    return Question(lambda brief: prompt(request, index, brief=brief, sees=sees), request.seed + index)


def prompt(request: PatchRequest, index: int, *, brief: bool = False, sees: bool = False) -> list[Message]:
    """Return the messages of one call, for a new candidate or for a repair; a brief one has no history and no lost game."""
    tried = () if brief else request.tried
    games = 0 if brief else 1
    lines = ideas(request.toolkit, len(request.actions), request.diagnosis.findings, index)
    values = {
        "task": request.task,
        "index": str(index + 1),
        "count": str(request.count),
        "actions": ", ".join(f"{i} {name}" for i, name in enumerate(request.actions)),
        "last": str(len(request.actions) - 1),
        "toolkit": toolkit_text(request.toolkit, len(request.actions)),
        "example": example_controller(request, index),
        "form": (WHOLE if request.source.count("\n") <= WHOLE_LINES else EDITS).read_text(encoding="utf-8").strip(),
        "diagnosis": diagnosis_text(request.diagnosis, games),
        "source": request.source.rstrip("\n"),
        "history": history_text(tried) + known_text([] if brief else usable_patches(request)[:1]),
        "reward": request.reward.model_dump_json(),
        "wish": ASKS if request.wishes else "",
        "idea": f" Lines that its `act` could hold:\n```python\n{lines}\n```" if lines else "",
    }
    *rules, asking = conversation("patcher", values)
    asked = [*rules, with_pictures(asking, request.diagnosis.pictures[:games] if sees else ())]
    return repairing(asked, request.refused[index]) if index < len(request.refused) else asked

"""The reward designer that asks a chat model (after Eureka, Ma et al. 2023)."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ouroloop.agents.chat import Chat, ChatConfig, ChatReply, LangChainChat, Message
from ouroloop.agents.prompted.asking import Question, ask_all
from ouroloop.agents.prompted.hints import example_spec, terms
from ouroloop.agents.prompted.prompting import conversation, diagnosis_text, history_text, repairing
from ouroloop.agents.prompted.reading import read
from ouroloop.agents.prompted.specs import find_spec
from ouroloop.agents.replies import lost
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import RewardProposal, RewardReply, RewardRequest
from ouroloop.protocols.records import RewardSpec
from ouroloop.protocols.text import plain_line

TERMS: Final = 6
"""The most terms that a constrained reply has; more are allowed, but small models then write on until they are cut off."""


def _schema() -> dict[str, Any]:
    """Return the form of a spec with every key required: models leave out what has a default."""
    found: dict[str, Any] = RewardSpec.model_json_schema()
    term = found["$defs"]["RewardTerm"]
    found["properties"]["terms"].update(minItems=1, maxItems=TERMS)
    term["required"], found["required"] = list(term["properties"]), list(found["properties"])
    return found


SCHEMA: Final = _schema()
"""The form of a reward spec, for servers that constrain what a model writes."""


class ChatDesigner:
    """Answers `reward.design` with one model call per candidate.

    `chat` is the backend; a wrapper may replace it to record or replay.
    """

    name = "chat-designer"
    method: ClassVar[str] = "reward.design"
    Config: ClassVar[type[ChatConfig]] = ChatConfig
    Request: ClassVar[type[RewardRequest]] = RewardRequest
    Reply: ClassVar[type[RewardReply]] = RewardReply

    def __init__(self, config: ChatConfig) -> None:
        """Keep the config; `act` contacts the model."""
        self.config = config
        self.chat: Chat = LangChainChat(config)

    async def act(self, request: RewardRequest) -> RewardReply:
        """Return the specs that the model wrote; a reply without one goes to the screen with the reason.

        Raises:
            ModelError: no call was answered.
        """
        answers = await ask_all(self.chat, [question(request, index) for index in range(request.count)])
        why = plain_line(f"{request.mode}: written by {self.config.model}")
        replies = [answer for answer in answers if isinstance(answer, ChatReply)]
        proposals = []
        for reply in replies:
            text, fault = read(reply, self.config.max_tokens)
            spec, wrong = (text, fault) if fault else find_spec(text)
            proposals.append(RewardProposal(spec=spec, rationale=why, fault=wrong))
        gone = tuple(lost(str(answer)) for answer in answers if isinstance(answer, ModelError))
        return RewardReply(proposals=tuple(proposals), lost=gone)


def question(request: RewardRequest, index: int) -> Question:
    """Return the question for one candidate."""
    return Question(lambda brief: prompt(request, index, brief=brief), request.seed + index, SCHEMA)


def prompt(request: RewardRequest, index: int, *, brief: bool = False) -> list[Message]:
    """Return the messages of one call, for a new candidate or for a repair; a brief one has no history and no lost game."""
    tried = () if brief else request.tried
    could = terms(request.features, request.diagnosis.findings, index)
    values = {
        "task": request.task,
        "mode": request.mode,
        "index": str(index + 1),
        "count": str(request.count),
        "features": "\n".join(f"- {name}: {doc}" for name, doc in request.features.items()),
        "example": example_spec(request.features, index).model_dump_json(),
        "diagnosis": diagnosis_text(request.diagnosis, games=0 if brief else 1),
        "incumbent": request.incumbent.model_dump_json(),
        "history": history_text(tried, rewards=True),
        "idea": "".join(f"\n{one.model_dump_json()}" for one in could),
    }
    asked = conversation("designer", values)
    return repairing(asked, request.refused[index]) if index < len(request.refused) else asked

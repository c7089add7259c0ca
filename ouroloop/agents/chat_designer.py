"""The reward designer that asks a chat model (after Eureka, Ma et al. 2023)."""

from __future__ import annotations

import json
from typing import ClassVar

from ouroloop.agents.chat import Chat, ChatConfig, LangChainChat, ask_all, cut
from ouroloop.agents.prompting import conversation, diagnosis_text, history_text
from ouroloop.agents.replies import lost
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import RewardProposal, RewardReply, RewardRequest
from ouroloop.protocols.text import plain_line


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
        """Return the specs that the model wrote, without the unreadable ones.

        Raises:
            ModelError: no call was answered, or no reply held a JSON object.
        """
        count, note = cut(self.config, request.count)
        answers = await ask_all(self.chat, [(prompt(request, i, count), request.seed + i) for i in range(count)])
        specs, gone, first = [], [], ""
        for answer in answers:
            if isinstance(answer, ModelError):
                gone.append(lost(str(answer)))
            elif (spec := find_object(answer.text)) is None:
                first = first or answer.text
                gone.append(lost("the reply holds no reward spec, a JSON object with `terms`", answer.text))
            else:
                specs.append(spec)
        if not specs:
            said = f"answered without a reward spec ({first[:80]!r})"
            told = tuple((one.reason, one.text) for one in gone)
            raise ModelError(f"model {self.config.model} {said}; use a model that can write JSON", told)
        why = plain_line(f"{request.mode}: written by {self.config.model}")
        proposals = tuple(RewardProposal(spec=spec, rationale=why) for spec in specs)
        return RewardReply(proposals=proposals, lost=tuple(gone), note=note)


def prompt(request: RewardRequest, index: int, count: int) -> list[dict[str, str]]:
    """Return the messages of one call."""
    values = {
        "task": request.task,
        "mode": request.mode,
        "index": str(index + 1),
        "count": str(count),
        "features": "\n".join(f"- {name}: {doc}" for name, doc in request.features.items()),
        "diagnosis": diagnosis_text(request.diagnosis),
        "incumbent": request.incumbent.model_dump_json(),
        "history": history_text((t for t in request.tried if t.reward is not None), rewards=True),
    }
    return conversation("chat_designer", values)


def find_object(text: str) -> str | None:
    """Return the text of the first JSON object in a reply that has a `terms` key, or None."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(value, dict) and "terms" in value:
                return text[at:end]
        at = text.find("{", at + 1)
    return None

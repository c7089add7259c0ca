"""The code patcher that asks a chat model."""

from __future__ import annotations

from typing import ClassVar

from ouroloop.agents.chat import Chat, ChatConfig, ChatReply, LangChainChat, ask_all, cut
from ouroloop.agents.prompting import conversation, diagnosis_text, history_text
from ouroloop.agents.replies import lost
from ouroloop.protocols.errors import ModelError
from ouroloop.protocols.messages import PatchProposal, PatchReply, PatchRequest
from ouroloop.protocols.text import plain_line

MARKS = ("+++ b/controller.py", "def act(", "< SEARCH")
"""A reply with one of these could be a patch: a diff's header, a whole controller, an edit. The screen reads the rest."""


class ChatPatcher:
    """Answers `patch.propose` with one model call per candidate; the whole reply is the proposal.

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
        """Return the model's replies.

        Raises:
            ModelError: no call was answered, or no reply held a diff or a controller.
        """
        count, note = cut(self.config, request.count)
        answers = await ask_all(self.chat, [(prompt(request, i, count), request.seed + i) for i in range(count)])
        texts = [answer.text for answer in answers if isinstance(answer, ChatReply)]
        gone = [lost(str(answer)) for answer in answers if isinstance(answer, ModelError)]
        if not any(mark in text for text in texts for mark in MARKS):
            gone += [lost("the reply holds neither a diff, nor edits, nor a controller", text) for text in texts]
            told = tuple((one.reason, one.text) for one in gone)
            said = f"answered without a patch ({texts[0][:80]!r})"
            raise ModelError(f"model {self.config.model} {said}; use a model that can write diffs", told)
        why = plain_line(f"{request.mode}: written by {self.config.model}")
        proposals = tuple(PatchProposal(text=text, rationale=why) for text in texts)
        return PatchReply(proposals=proposals, lost=tuple(gone), note=note)


def prompt(request: PatchRequest, index: int, count: int) -> list[dict[str, str]]:
    """Return the messages of one call."""
    values = {
        "task": request.task,
        "mode": request.mode,
        "index": str(index + 1),
        "count": str(count),
        "actions": ", ".join(f"{i} {name}" for i, name in enumerate(request.actions)),
        "toolkit": "\n".join(f"- {t.name}{t.signature}: {t.doc} ({t.kind})" for t in request.toolkit),
        "diagnosis": diagnosis_text(request.diagnosis),
        "source": request.source.rstrip("\n"),
        "history": history_text(t for t in request.tried if t.diff is not None),
    }
    return conversation("chat_patcher", values)

"""Chat models behind one port: any provider of LangChain's `init_chat_model`, one question at a time.

A role keeps its model in the attribute `chat` (the `Chat` protocol), so that a wrapper can put a recorder or a replay in front
of it. LangChain is imported at the first question.
"""

from ouroloop.agents.chat.client import LangChainChat
from ouroloop.agents.chat.config import ENV_NAME, MOST_TOKENS, ChatConfig, counted, refuse_secrets
from ouroloop.agents.chat.records import (
    Chat,
    ChatReply,
    ContextTooLong,
    Message,
    calls_of,
    characters,
    text_of,
    with_pictures,
)

__all__ = [
    "ENV_NAME", "MOST_TOKENS", "Chat", "ChatConfig", "ChatReply", "ContextTooLong", "LangChainChat", "Message", "calls_of",
    "characters", "counted", "refuse_secrets", "text_of", "with_pictures",
]  # fmt: skip

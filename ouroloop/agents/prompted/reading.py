"""What every reply of a model goes through before it is read as a reward or as a patch."""

from __future__ import annotations

from ouroloop.agents.chat import ChatReply
from ouroloop.agents.chat.channels import answer


def read(reply: ChatReply, max_tokens: int) -> tuple[str, str | None]:
    """Return a reply's answer without its thoughts, and None; else the whole text, and why no answer can be taken of it."""
    text = answer(reply.text)
    cut = f"the reply was cut off after {max_tokens} tokens (max_tokens)"
    if not text.strip():
        return (
            reply.text,
            f"{cut} before it came to an answer" if reply.finish == "length" else "the reply holds thoughts alone",
        )
    return (reply.text, cut) if reply.finish == "length" else (text, None)

"""The tools as words in a reply: a draft, `LOOK N`, `ORACLE N`, `SUBMIT`. Any model can write them.

The loop follows ReAct (Yao et al. 2023): thought, action, observation.
"""

from __future__ import annotations

import re
from typing import Final

from ouroloop.agents.chat import ChatConfig, Message, with_pictures
from ouroloop.agents.prompted.blocks import outside
from ouroloop.agents.prompted.reading import read
from ouroloop.agents.prompted.tools.desk import Desk
from ouroloop.agents.prompted.tools.talk import Talk
from ouroloop.protocols.text import holds_edits

_LEAD: Final = r"^[^\w\n]*+(?:(?:[Aa]ction|ACTION)[^\w\n]++)?+"
_GAME: Final = r"[^\w\n]++(?:(?:at|on|for|game)[^\w\n]++)*+(\d{1,4})\b[^\w\n(]*+(?:\([^()\n]*+\))?+[^\w\n]*+$"
LOOK: Final = re.compile(rf"{_LEAD}(?:LOOK|[Ll]ook){_GAME}", re.MULTILINE)
ORACLE: Final = re.compile(rf"{_LEAD}(?:ORACLE|[Oo]racle){_GAME}", re.MULTILINE)
SUBMIT: Final = re.compile(_LEAD + r"(?:SUBMIT(?:[^\w\n]++(?:the|this|my|best|last|draft))*+|Submit)[^\w\n]*+$", re.MULTILINE)
"""The words are lines of their own: in a sentence they are only talked about."""
DRAFT: Final = re.compile(r"^(?:def act *\(|@@ |--- )", re.MULTILINE)
"""Where a whole controller or a diff begins; `holds_edits` knows edits."""


async def converse(talk: Talk, desk: Desk, config: ChatConfig) -> None:
    """Let the model work on a proposal until it submits or its turns are used up.

    Raises:
        ModelError: a reply did not come.
    """
    said: list[Message] = []
    while desk.left > 0:
        reply = await talk.reply(said)
        desk.turns += 1
        text, fault = read(reply, config.max_tokens)
        seen, pictures = await answered(desk, text, fault)
        seen = seen or "That holds no draft, no LOOK, no ORACLE and no SUBMIT."
        told = f"{seen}\n\nTurns left: {desk.left}. Send a better draft, LOOK N, ORACLE N, or SUBMIT.{desk.ideas()}"
        said += [
            {"role": "assistant", "content": text},
            with_pictures({"role": "user", "content": told}, pictures if config.sees else ()),
        ]


async def answered(desk: Desk, text: str, fault: str | None) -> tuple[str, tuple[str, ...]]:
    """Do what the words of a reply ask for, and return what comes of it; an empty text if they ask for nothing."""
    if fault is not None:
        if not desk.draft:
            desk.draft, desk.wish, desk.fault = text, None, fault
        return f"{fault}. Write less.", ()
    draft, wish = desk.read(text)
    if DRAFT.search(draft) is not None or holds_edits(draft):
        return await desk.attempt(draft, wish), ()
    said = outside(text)
    if SUBMIT.search(said):
        desk.over = True
        return "Submitted.", ()
    seen, pictures = desk.look(int(found[1])) if (found := LOOK.search(said)) else ("", ())
    rated = desk.oracle(int(found[1])) if (found := ORACLE.search(said)) else ""
    return "\n\n".join(part for part in (seen, rated) if part), pictures

"""The code fence of an answer, read as CommonMark reads it: only backticks, from the first column on.

A fence ends at a line of at least as many backticks as it began with. A shorter one inside belongs to the content, so that a
docstring may hold one.
"""

from __future__ import annotations

import re

from ouroloop.protocols.errors import CandidateFault

_OPEN = re.compile(r"(`{3,6}+)[ \t]*+([A-Za-z0-9_+-]*+)[ \t]*+(controller\.py)?+[ \t]*+")


def holds_fence(text: str) -> bool:
    """Tell whether an answer opens a code fence, or looks as if it meant to."""
    return text.lstrip().startswith("```") or "\n```" in text


def fenced(text: str, advice: str) -> tuple[str, str]:
    """Return the content of the one fenced block, and the text around it.

    Raises:
        CandidateFault: layer "text": there is not exactly one block, it is not closed, or another fence begins it.
    """
    blocks: list[list[str]] = []
    outside: list[str] = []
    opened = 0
    for line in text.split("\n"):
        bare = line.rstrip()
        if opened and len(bare) >= opened and not bare.strip("`"):
            opened = 0
        elif opened:
            blocks[-1].append(line)
        elif found := _OPEN.fullmatch(line.rstrip("\r")):
            opened = len(found[1])
            blocks.append([])
        else:
            outside.append(line)
    if any(line.lstrip().startswith("~~~") for line in outside):
        raise CandidateFault("text", f"a fence of tildes, which is not read; {advice}")
    if opened:
        raise CandidateFault("text", f"a fenced block is not closed; end it with {'`' * opened} on a line of its own")
    if len(blocks) != 1:
        raise CandidateFault("text", f"{len(blocks)} fenced blocks, expected exactly one; {advice}")
    body = "\n".join(blocks[0]) + "\n"
    if body.lstrip().startswith(("```", "~~~")):
        raise CandidateFault("text", f"a fence inside a fence; {advice}")
    return body, "\n".join(outside)

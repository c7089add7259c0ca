"""What a page of docs/ asks its reader to do: files to write, and commands with what they print.

A comment before a block says how it is to be taken; readers do not see it.

| comment | the block below it |
|---|---|
| `<!-- file: NAME -->` | is the content of a file |
| `<!-- until stopped: WORD -->` | is a command that serves pages until it is stopped; its first page has the word |
| `<!-- by hand: COMMAND -->` | is not run: it prepares the machine, or needs what tests do not have |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(?:^<!-- (file|until stopped|by hand): ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page.

    Args:
        how: what the comment before it says; empty without one.
        about: what follows in the comment.
        language: after the fence.
        text: the block.
    """

    how: Literal["", "file", "until stopped", "by hand"]
    about: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in their order."""
    return [Block(*(part or "" for part in found)) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]  # type: ignore[arg-type]


def steps(console: str) -> list[tuple[str, str]]:
    """Return the commands of a console with the text that each is to print."""
    parts = re.split(r"^\$ (.*)$\n?", console, flags=re.MULTILINE)
    assert parts[0] == "", f"a console begins with a command: {console}"
    return list(zip(parts[1::2], parts[2::2], strict=True))

"""From a model's reply to the patch in it: form is mended, doubt is left to the screen.

The screen takes one diff, one set of SEARCH/REPLACE blocks, or one whole controller, in exact form. Models are less exact in
what does not matter: line ends, kinds of fences, their titles and indents, what stands in a diff's headers beside the path, a
shell example after the patch, the same patch once more, a toolkit function that they forgot to import. Whatever could be a
second candidate stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ouroloop.agents.prompted.blocks import essence, is_beside, read_blocks, text_of
from ouroloop.agents.prompted.imports import edits_imported, imported

_CTIME: Final = r" +[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?: [A-Z]{1,5})? \d{4}"
_ISO: Final = r" +\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?: ?(?:[+-]\d\d:?\d\d|Z|UTC))?"
_HEADER: Final = re.compile(
    rf"^((?:---|\+\+\+) (?:[ab]/)?controller\.py)(?:\t[^\n]*|(?:{_ISO}|{_CTIME})?[ \t]*)$"
    r"|^(diff --git a/controller\.py b/controller\.py)[ \t]+$",
    re.MULTILINE,
)
"""A header of a diff with blanks or a time stamp after the path."""
_INDEX: Final = re.compile(
    r"^index [^\s.]{1,64}\.\.[^\s.]{1,64}(?: 100644)?[ \t]*\n(?=--- (?:a/)?controller\.py\b)", re.MULTILINE
)
"""The line with git's hashes, which models invent."""


def mended(answer: str, tools: Iterable[str] = (), source: str = "") -> str:
    """Return an answer in the form that the screen reads.

    Args:
        answer: the reply without its thoughts.
        tools: names of the toolkit's functions; a patch that uses one without importing it gets the import.
        source: the controller in use; without it a diff or an edit gets no import.
    """
    blocks = read_blocks(answer.replace("\r\n", "\n").lstrip("\ufeff"))
    fenced = [block for block in blocks if block.mark is not None]
    if len(fenced) > 1:
        once = {essence(block): block for block in reversed(fenced) if not is_beside(block)}
        if once:
            kept = {id(block) for block in once.values()}
            blocks = [block for block in blocks if block.mark is None or id(block) in kept]
            fenced = list(once.values())
    if not fenced:
        return edits_imported(imported(_plain(text_of(blocks)), tools, source), tools, source)
    for block in fenced:
        body = _plain("\n".join(block.lines))
        block.lines = (imported(body, tools, source) if len(fenced) == 1 else body).rstrip("\n").split("\n")
    return edits_imported(text_of(blocks), tools, source)


def _plain(text: str) -> str:
    """Return a diff with plain headers; any other text as it is."""
    return _INDEX.sub("", _HEADER.sub(r"\1\2", text))

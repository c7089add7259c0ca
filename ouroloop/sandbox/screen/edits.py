"""SEARCH/REPLACE blocks: the form in which small models make the fewest mistakes, as it has no line numbers or counts.

The SEARCH of each block must occur exactly once in the file, line by line and byte for byte. Blocks may not overlap. All are
looked up in the original file, so their order does not matter.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.text import EDIT_CLOSE, EDIT_MIDDLE, EDIT_OPEN
from ouroloop.sandbox.screen.diff import EDITABLE, lines_of

BLOCKS_CAP = 64
_LABEL = re.compile(r"^[\w+-]*[ :]?")
"""The language of a fence, and what parts it from a title: `python title` or `python:title`."""
HEADING_CAP = 300
"""A longer line is not taken for a file's name."""
_OPEN = re.compile(rf"{EDIT_OPEN} *+\n")
_MIDDLE = re.compile(rf"{EDIT_MIDDLE} *+\n")
_CLOSE = re.compile(rf"{EDIT_CLOSE} *+\n")
_MARKER = re.compile(rf"({EDIT_OPEN}|{EDIT_MIDDLE}|{EDIT_CLOSE})\w*+ *+\r?\n?")
_CUT = re.compile(r"<{5,9} ?(S|SE|SEA|SEAR|SEARC)?\n")
_SUFFIX = re.compile(r".+\.(py|pyi|toml|json|txt|md|cfg|ini|ya?ml|sh|c|h|js|ts|rs|sqlite|lock)", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]*+```[^`\n]*+\n?")
ADVICE = "each block reads '<<<<<<< SEARCH', the exact old lines, '=======', the new lines, '>>>>>>> REPLACE'"


@dataclass(frozen=True, slots=True)
class Edit:
    """One block: the lines to find and those to put in their place, with line ends."""

    search: tuple[str, ...]
    replace: tuple[str, ...]


def read_edits(text: str) -> tuple[list[Edit], str]:
    """Return the blocks of an answer, and the text outside them without fences.

    Raises:
        CandidateFault: layer "text" if a block is broken, "path" if its heading names another file.
    """
    edits: list[Edit] = []
    outside: list[str] = []
    parts: tuple[list[str], list[str]] | None = None
    side = 0
    for line in lines_of(text if text.endswith("\n") else text + "\n"):
        if parts is None and _OPEN.fullmatch(line):
            if len(edits) == BLOCKS_CAP:
                raise CandidateFault("text", f"more than {BLOCKS_CAP} blocks; send the whole controller instead")
            _check_title(outside)
            parts, side = ([], []), 0
        elif parts is not None and side == 0 and _MIDDLE.fullmatch(line):
            side = 1
        elif parts is not None and side == 1 and _CLOSE.fullmatch(line):
            edits.append(Edit(tuple(parts[0]), tuple(parts[1])))
            parts = None
        elif _MARKER.fullmatch(line) or _CUT.fullmatch(line):
            raise CandidateFault("text", f"block {len(edits) + 1}: {line.strip()!r} where none may stand; {ADVICE}")
        else:
            (outside if parts is None else parts[side]).append(line)
    if parts is not None:
        raise CandidateFault("text", f"block {len(edits) + 1} is not closed; {ADVICE}")
    return edits, "".join(line for line in outside if not _FENCE.fullmatch(line))


def _check_title(outside: list[str]) -> None:
    """Refuse a block whose heading names another file: the line before it, or a fence's label and the line before that."""
    above = [line for line in outside[-4:] if line.strip()]
    headings = above[-1:]
    if headings and _FENCE.fullmatch(headings[0]):
        headings = [_LABEL.sub("", headings[0].strip().lstrip("`")), *above[-2:-1]]
    for heading in (line for line in headings if len(line) <= HEADING_CAP):
        named = heading.strip().strip("#*`: \t").removeprefix("File:").removeprefix("Path:").strip("*`: \t\r")
        path = " " not in named and (_SUFFIX.fullmatch(named) or named.startswith(("/", "./", "../", "a/", "b/")))
        if path and named != EDITABLE:
            raise CandidateFault("path", f"a block is headed {named[:100]!r}; {EDITABLE} is the one editable file")


def apply_edits(edits: list[Edit], base: str) -> str:
    """Return `base` after all blocks.

    Raises:
        CandidateFault: layer "text": a SEARCH is empty, missing, ambiguous, or overlaps another.
    """
    old, new, at = lines_of(base), [], 0
    placed = sorted((_place(old, edit, number), number, edit) for number, edit in enumerate(edits, 1))
    for start, number, edit in placed:
        if start < at:
            raise CandidateFault("text", f"block {number}: its SEARCH overlaps that of another block")
        new += [*old[at:start], *edit.replace]
        at = start + len(edit.search)
    return "".join(new + old[at:])


def _place(old: list[str], edit: Edit, number: int) -> int:
    """Return the index of the one place where a block's SEARCH matches."""
    search = list(edit.search)
    if not search:
        raise CandidateFault("text", f"block {number}: an empty SEARCH; to insert, search for a line beside the place")
    starts = [i for i in range(len(old) - len(search) + 1) if old[i] == search[0] and old[i : i + len(search)] == search]
    if len(starts) == 1:
        return starts[0]
    if starts:
        found = ", ".join(str(i + 1) for i in starts[:4])
        raise CandidateFault("text", f"block {number}: its SEARCH stands at lines {found}; add lines until it stands once")
    raise CandidateFault("text", f"block {number}: {_nearest(old, search)}")


def _nearest(old: list[str], search: list[str]) -> str:
    """Say which line of a missing SEARCH is the first that the file lacks, and which line is most like it."""
    known = set(old)
    line = next((line for line in search if line not in known), None)
    if line is None:
        return "its SEARCH lines are in the file, but not one after the other"
    like = difflib.get_close_matches(line, old, 1, 0.6)
    return f"the file has no line {line[:80]!r}" + (f"; the nearest is {like[0][:80]!r}" if like else "")

"""A wish in a model's reply: a line `# WISH: OBJECTIVE; CONSTRAINT`, as a comment of its controller or below it.

Only a line that the reply adds is a wish. It does not get into the controller, where every later patch would have to quote it.
Lines that a diff or a SEARCH part quotes from the controller in use stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from string import whitespace
from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from ouroloop.protocols.messages import CONSTRAINTS, WISH, Wish
from ouroloop.protocols.text import EDIT_CLOSE, EDIT_MIDDLE, EDIT_OPEN, whole

PLACEHOLDER: Final = "OBJECTIVE"
ASKS: Final = (
    "\n\nIf the policy should be trained differently for your controller, put one comment line into it: "
    f"`# WISH: {PLACEHOLDER}; CONSTRAINT`. A designer then writes a reward for it. The line says in plain words what training "
    "should bring about, and what it must keep."
)
"""What the prompt adds if the round grants wishes."""
_LINE: Final = re.compile(r"[ \t]*+#?[ \t]*+WISH:[ \t]*+(?P<said>\S.*)", re.DOTALL)
_NOTHING: Final = re.compile(
    rf"\W*(?:none|no|nothing|null|n/?a|no (?:wish|change|constraints?)|{PLACEHOLDER}|CONSTRAINTS?)\W*|<[^<>]*>", re.IGNORECASE
)
"""A part that says that there is none, or that stands for one."""
_TITLE: Final = re.compile(r"(@@ -\d+(?:,\d+)? \+)(\d{1,6})(?:,(\d{1,6}))?( @@.*)", re.DOTALL)
_OPEN: Final = re.compile(rf"\s*{EDIT_OPEN}\s*")
_MIDDLE: Final = re.compile(rf"\s*{EDIT_MIDDLE}\s*")
_CLOSE: Final = re.compile(rf"\s*{EDIT_CLOSE}\s*")
_Kind: TypeAlias = Literal["title", "added", "quoted", "free"]
"""Of a line: the title of a diff's hunk, a line that the hunk adds, one of the controller in use, or any other."""


def with_wish(text: str, source: str = "") -> tuple[str, Wish | None]:
    """Return a reply without the lines that wish, and its first wish; None if there is none.

    Args:
        text: the reply. The titles of a diff's hunks count what is left of them.
        source: the controller in use; a wish that stands in it is an old one.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    kept: list[tuple[_Kind, str]] = []
    wishes: list[Wish | None] = []
    titles: list[tuple[int, int]] = []
    """Of each hunk: the place of its title among `kept`, and how many lines were taken out before it."""
    out, removed = 0, False
    for line, kind in zip(lines, _kinds(lines), strict=True):
        found = _LINE.fullmatch(line[kind == "added" :]) if kind in ("added", "free") else None
        if found is None and not (removed and line.startswith("\\")):  # "\ No newline at end of file" goes with its line
            titles += [(len(kept), out)] if kind == "title" else []
            kept.append((kind, line))
        elif found is not None:
            wishes += [_wish(found["said"])] if found["said"].strip() not in source else []
            out += kind == "added"
        removed = found is not None and kind == "added"
    for (at, before), (_, after) in pairwise([*titles, (len(kept), out)]):
        empty = after > before and all(kind in ("title", "free") for kind, _ in kept[at + 1 : at + 2])
        kept[at] = ("title", "" if empty else _recounted(kept[at][1], before, after - before))
    return "".join(line for _, line in kept), next((wish for wish in wishes if wish is not None), None)


def _kinds(lines: Iterable[str]) -> Iterator[_Kind]:
    """Yield the kind of each line of a reply."""
    place: Literal["free", "hunk", "search", "replace"] = "free"
    searched: set[str] = set()
    for line in lines:
        if place == "hunk" and line.strip() and line[0] not in " +-\\":
            place = "free"
        if place == "free" and _OPEN.fullmatch(line):
            place, searched = "search", set()
        elif place == "search":
            searched.add(line)
            place = "replace" if _MIDDLE.fullmatch(line) else place
        elif place == "replace" and _CLOSE.fullmatch(line):
            place = "free"
        elif place == "free" and line.startswith("@@"):
            place = "hunk"
            yield "title"
            continue
        if place == "hunk":
            yield "added" if line[0] == "+" else "quoted"
        else:
            yield "quoted" if place == "search" or (place == "replace" and line in searched) else "free"


def _recounted(title: str, before: int, here: int) -> str:
    """Return the title of a hunk after so many added lines were taken out of the hunks before it, and of itself."""
    found = _TITLE.fullmatch(title)
    if found is None or not before + here:
        return title
    count = max(int(found[3] or 1) - here, 0)
    start = int(found[2]) - before - (here > 0 == count)  # without lines a hunk begins at the line before it
    return f"{found[1]}{start}{'' if found[3] is None and count == 1 else f',{count}'}{found[4]}"


def _wish(said: str) -> Wish | None:
    parts = [part for part in (whole(one).strip(f"{whitespace}`") for one in said.split(";")) if part]
    if not parts or _NOTHING.fullmatch(parts[0]):
        return None
    kept = [part[:WISH] for part in parts[1:] if not _NOTHING.fullmatch(part)]
    try:
        cut = {"objective": parts[0][:WISH], "constraints": tuple(kept[:CONSTRAINTS])}
        return TypeAdapter(Wish).validate_python(cut)
    except ValidationError:
        return None

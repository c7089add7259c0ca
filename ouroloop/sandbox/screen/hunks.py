"""Hunk headers with wrong line counts, the commonest slip of models: recounted if nothing else is in doubt.

Only the counts, and the new starts that follow from them, are corrected. The start of the old lines must be right, and the
lines of a hunk are compared with the file byte for byte as always. A body that ends early, in the middle of a change, may have
been cut off, so it is refused. The one exception is the end of the file, where nothing could follow, provided that no line to
be added is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ouroloop.protocols.errors import CandidateFault

_TITLE = re.compile(r"@@ -(\d{1,6})(?:,(\d{1,6}))? \+(\d{1,6})(?:,(\d{1,6}))? @@(.*)\n", re.ASCII)
_HEADER = ("--- ", "+++ ", "diff ", "Index: ")


@dataclass(slots=True)
class Hunk:
    """A hunk as written: title, the four numbers, the rest of the title, and the lines below."""

    title: str
    start: int
    counts: tuple[int, int]
    rest: str
    body: list[str] = field(default_factory=list)

    def counted(self) -> tuple[int, int]:
        """Return how many old and new lines the body holds; a bare line feed is an empty context line."""
        kinds = [line[0] for line in self.body]
        both = kinds.count(" ") + kinds.count("\n")
        return both + kinds.count("-"), both + kinds.count("+")

    def is_plain(self) -> bool:
        """Tell whether the body holds only lines of hunks, and none that could be another file's header."""
        return all(line[0] in " -+\\\n" and not line.startswith(_HEADER) for line in self.body)


def recount(lines: list[str], length: int) -> list[str]:
    """Return a diff's lines, with hunk headers that count the lines below them.

    Args:
        lines: the diff's, with line ends, including blank lines at its end.
        length: number of lines of the file to which it is applied.

    Raises:
        CandidateFault: layer "text": a hunk looks cut off.
    """
    head, hunks = _split(lines)
    if not hunks:
        return lines
    last = hunks[-1]
    spare = last.counted()[0] - last.counts[0]
    while last.body and last.body[-1] == "\n" and spare > 0:
        last.body.pop()
        spare -= 1
    # If the count is right, the lines after it are not the hunk's; applying the diff decides what they are.
    if all(hunk.counted() == hunk.counts for hunk in hunks) or not all(hunk.is_plain() for hunk in hunks):
        return head + [line for hunk in hunks for line in (hunk.title, *hunk.body)]
    out, shift = head, 0
    for hunk in hunks:
        old, new = hunk.counted()
        _check_whole(hunk, length)
        start = hunk.start + shift + (new > 0) - (old > 0)
        out += [f"@@ -{hunk.start},{old} +{start},{new} @@{hunk.rest}\n", *hunk.body]
        shift += new - old
    return out


def _split(lines: list[str]) -> tuple[list[str], list[Hunk]]:
    """Return the lines before the first hunk, and the hunks; return no hunks if a title has another form."""
    head: list[str] = []
    hunks: list[Hunk] = []
    for line in lines:
        if line.startswith("@@"):
            found = _TITLE.fullmatch(line)
            if found is None:
                return lines, []
            start, old, _, new, rest = found.groups()
            hunks.append(Hunk(line, int(start), (int(old or 1), int(new or 1)), rest))
        else:
            (hunks[-1].body if hunks else head).append(line)
    return head, hunks


def _check_whole(hunk: Hunk, length: int) -> None:
    """Refuse a body shorter than its count that ends in a change, unless at the end of the file."""
    old, new = hunk.counted()
    short = old < hunk.counts[0] or new < hunk.counts[1]
    kinds = [line[0] for line in hunk.body if line[0] != "\\"]
    # At the end of the file no context can follow; the missing lines must not be lines to add.
    whole = new >= hunk.counts[1] or new - old == hunk.counts[1] - hunk.counts[0]
    at_end = whole and hunk.start + old - (old > 0) >= length
    if old == 0 < hunk.counts[0]:
        raise CandidateFault("text", f"hunk @@ -{hunk.start},{hunk.counts[0]} ... @@ holds no old line; add its context lines")
    if short and not at_end and (not kinds or kinds[-1] in "-+"):
        stated = f"@@ -{hunk.start},{hunk.counts[0]} ... @@"
        raise CandidateFault("text", f"hunk {stated} is cut off: {old} old and {new} new lines; end it with its context lines")

"""Unified diffs against the one editable file: `unidiff` reads the grammar, and we apply the hunks exactly.

No fuzz and no guessing: every context and removed line must match at its hunk's place, byte for byte, and every line of the
diff must be accounted for. Anything that the grammar library forgives (text between hunks, other headers, misplaced end-of-file
markers) is refused here. Only wrong line counts are corrected first (`hunks`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from unidiff import PatchSet
from unidiff.errors import UnidiffParseError

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.hunk_sides import NO_NEWLINE, sides, title
from ouroloop.sandbox.screen.hunks import recount

EDITABLE = "controller.py"
"""The one path that a patch may name."""

_HUNK = re.compile(r"@@ -\d{1,6}(,\d{1,6})? \+\d{1,6}(,\d{1,6})? @@( .*)?\n", re.ASCII)
_INDEX = re.compile(r"index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}( 100644)?\n", re.ASCII)
_PAIRS = ((f"--- a/{EDITABLE}\n", f"+++ b/{EDITABLE}\n"), (f"--- {EDITABLE}\n", f"+++ {EDITABLE}\n"))


def lines_of(text: str) -> list[str]:
    r"""Split only at ``\n``, and keep the line ends. `str.splitlines` would also split at U+2028, form feed and others."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def make_diff(old: str, new: str) -> str:
    """Return the unified diff from `old` to `new` with git's file headers; empty if they are equal."""

    def marked() -> Iterator[str]:
        for line in difflib.unified_diff(lines_of(old), lines_of(new), f"a/{EDITABLE}", f"b/{EDITABLE}"):
            yield line if line.endswith("\n") else line + "\n" + NO_NEWLINE

    return "".join(marked())


def check_paths(diff: str) -> None:
    """Refuse a diff whose headers name anything but the editable file.

    Raises:
        CandidateFault: layer "text" for a header of an unknown kind (mode, rename, binary, new file), layer "path" for
            another path.
    """
    header = list(takewhile(lambda line: not line.startswith("@@"), lines_of(diff)))
    names = [line for line in header if line.startswith(("--- ", "+++ "))]
    for line in header:
        if not (line.startswith(("diff --git ", "--- ", "+++ ")) or _INDEX.fullmatch(line)):
            raise CandidateFault("text", f"the diff's header holds {line[:80]!r}; only edits of {EDITABLE} are taken")
    for line in header:
        if line.startswith("diff --git ") and line != f"diff --git a/{EDITABLE} b/{EDITABLE}\n":
            raise CandidateFault("path", f"{line[:120]!r} does not name {EDITABLE}, the one editable file")
    if tuple(names) not in _PAIRS:
        found = " / ".join(repr(name[:100]) for name in names) or "none"
        raise CandidateFault("path", f"expected '--- a/{EDITABLE}' and '+++ b/{EDITABLE}', found {found}")


def apply_diff(diff: str, base: str) -> str:
    """Return `base` after the diff.

    Args:
        diff: a unified diff of one file; `check_paths` checks its paths.
        base: the text that it changes.

    Raises:
        CandidateFault: layer "text": it is not a diff, counts are wrong, or hunks overlap or do not match exactly.
    """
    old, new, at = lines_of(base), [], 0
    for hunk in _hunks(recount(_trimmed(diff), len(old))):
        start = hunk.source_start - (hunk.source_length > 0)
        if start < at or start > len(old):
            raise CandidateFault("text", f"hunk {title(hunk)} overlaps the one before it or lies outside the file")
        new += old[at:start]
        if hunk.target_start - (hunk.target_length > 0) != len(new):
            raise CandidateFault("text", f"hunk {title(hunk)}: its new start does not follow from the hunks before it")
        removed, added = sides(hunk)
        at = start + len(removed)
        if old[start:at] != removed:
            raise CandidateFault("text", _mismatch(hunk, old[start:at], removed, start))
        new += added
    new += old[at:]
    if any(not line.endswith("\n") for line in new[:-1]):
        raise CandidateFault("text", "'No newline at end of file' stands before a line that is not the last")
    return "".join(new)


def _trimmed(diff: str) -> list[str]:
    """Return a diff's lines, with a line end after the last; blank lines at the end stay."""
    return lines_of(diff if diff.endswith("\n") else diff + "\n")


def _hunks(lines: list[str]) -> list[Any]:
    """Parse and return the hunks of the one file, with every line of the input accounted for."""
    try:
        files = PatchSet(lines)
    except (UnidiffParseError, ValueError) as error:
        raise CandidateFault("text", f"not a valid unified diff: {error}; the @@ counts must match the lines") from error
    if len(files) != 1 or files[0].is_binary_file or not files[0]:
        raise CandidateFault("text", f"expected hunks for one file, found {len(files)} files; send one diff of {EDITABLE}")
    hunks = list(files[0])
    titles = [line for line in lines if line.startswith("@@")]
    header = next(i for i, line in enumerate(lines) if line.startswith("@@"))
    if len(lines) != header + sum(1 + len(hunk) for hunk in hunks):
        raise CandidateFault("text", "lines outside any hunk; between and after hunks nothing else may stand")
    if not all(_HUNK.fullmatch(title) for title in titles):
        raise CandidateFault("text", "a hunk header is not of the form '@@ -start,count +start,count @@'")
    return hunks


def _mismatch(hunk: Any, found: list[str], expected: list[str], start: int) -> str:
    """Say which line of a hunk does not match, so that a model can act on it."""
    for offset, line in enumerate(expected):
        here = found[offset] if offset < len(found) else None
        if here != line:
            what = "the file ends before it" if here is None else f"the file has {here[:80]!r}"
            return f"hunk {title(hunk)}: line {start + offset + 1} should be {line[:80]!r}, but {what}"
    return f"hunk {title(hunk)} does not match"

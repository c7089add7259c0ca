"""Source and diffs as HTML: two versions beside each other, and unified diffs, coloured by Pygments."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import JsonLexer, PythonLexer

from ouroloop.protocols.text import plain

LEXERS: Final = {"python": PythonLexer, "json": JsonLexer}
MOST: Final = 400_000
"""The most characters that are coloured."""
MATCHED: Final = 100_000
"""Most pairs of lines that are matched with one another."""
AROUND: Final = 3
"""Lines that are shown around a change."""
Language = Literal["python", "json"]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a comparison.

    Args:
        left: number and markup of the old line; None if there is none.
        right: those of the new line.
        kind: `same`, `change`, `less`, `more`, or `gap` for lines that are left out.
    """

    left: tuple[int, Markup] | None
    right: tuple[int, Markup] | None
    kind: Literal["same", "change", "less", "more", "gap"]


def beside(old: str, new: str, language: Language = "python") -> list[Line]:
    """Return two versions beside each other: the changes, with a few lines around them."""
    left, right = coloured(old, language), coloured(new, language)
    rows: list[Line] = []
    for place, group in enumerate(_groups(plain(old).splitlines(), plain(new).splitlines())):
        if place or group[0][1] or group[0][3]:
            rows.append(Line(None, None, "gap"))
        for _, a, b, c, d in group:
            rows += _rows(left, right, (a, b), (c, d), same=left[a:b] == right[c:d])
    return rows


def _groups(old: list[str], new: list[str]) -> list[list[tuple[str, int, int, int, int]]]:
    """Return the opcodes of `difflib`, group by group; where lines are too many to be matched, all between is one change.

    Matching takes cubic time where lines repeat, and code may come from strangers.
    """
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - same
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    if (len(old) - same - tail) * (len(new) - same - tail) <= MATCHED:
        return list(difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(AROUND)) if old != new else []
    a, b, first, last = len(old) - tail, len(new) - tail, min(same, AROUND), min(tail, AROUND)
    return [
        [
            ("equal", same - first, same, same - first, same),
            ("replace", same, a, same, b),
            ("equal", a, a + last, b, b + last),
        ]
    ]


def diff_of(old: str, new: str) -> list[tuple[str, str]]:
    """Return the unified diff of two versions as lines with their kinds; see `unified`."""
    before, after = plain(old).splitlines(), plain(new).splitlines()
    found: list[tuple[str, str]] = []
    for group in _groups(before, after):
        a, b, c, d = group[0][1], group[-1][2], group[0][3], group[-1][4]
        found.append(("head", f"@@ -{a + 1},{b - a} +{c + 1},{d - c} @@"))
        for kind, a, b, c, d in group:
            if kind == "equal":
                found += [("same", f" {line}") for line in before[a:b]]
            else:
                found += [*(("less", f"-{line}") for line in before[a:b]), *(("more", f"+{line}") for line in after[c:d])]
    return found


def _rows(
    left: Sequence[Markup], right: Sequence[Markup], old: tuple[int, int], new: tuple[int, int], *, same: bool
) -> list[Line]:
    count = max(old[1] - old[0], new[1] - new[0])
    rows = []
    for step in range(count):
        a, b = old[0] + step, new[0] + step
        one = (a + 1, left[a]) if a < old[1] else None
        other = (b + 1, right[b]) if b < new[1] else None
        kind: Literal["same", "change", "less", "more"] = (
            "same" if same else "change" if one and other else "less" if one else "more"
        )
        rows.append(Line(one, other, kind))
    return rows


def coloured(text: str, language: Language = "python") -> list[Markup]:
    """Return the lines of a source as markup."""
    shown = plain(text)
    if not shown or len(shown) > MOST:
        return [escape(line) for line in shown.splitlines()]
    lexer = LEXERS[language](stripnl=False, ensurenl=True)
    found = highlight("\n".join(shown.splitlines()) + "\n", lexer, HtmlFormatter(nowrap=True))
    return [Markup(line) for line in found.split("\n")[:-1]]  # noqa: S704  (Pygments escapes what it colours)


def unified(diff: str) -> list[tuple[str, str]]:
    """Return a unified diff's lines with their kinds: `more`, `less`, `head` or `same`."""
    kinds = {"+": "more", "-": "less", "@": "head"}
    return [
        ("head" if line.startswith(("+++", "---")) else kinds.get(line[:1], "same"), line) for line in plain(diff).splitlines()
    ]

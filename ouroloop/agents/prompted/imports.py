"""The import that a patch forgets: models call a function of the toolkit without importing it.

Whether one is missing is read off the controller that the patch leads to. A patch that does not lead to one, or only with
some goodwill, stays as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ouroloop.agents.search.composer import diff
from ouroloop.protocols.syntax import UNREADABLE, parse_module
from ouroloop.protocols.text import EDIT_CLOSE, EDIT_MIDDLE, EDIT_OPEN

LONGEST: Final = 20_000
"""The most characters of a controller that is parsed; the screen takes none of more bytes."""
MOST_EDITS: Final = 64
"""The most edits that the screen takes."""
_ACT: Final = re.compile(r"^def act *\(", re.MULTILINE)
_OLD: Final = rf"(?P<old>(?:(?!{EDIT_MIDDLE} *$|{EDIT_OPEN}).*\n)*+)"
_NEW: Final = rf"(?P<new>(?:(?!{EDIT_CLOSE} *$|{EDIT_OPEN}).*\n)*+)"
_EDIT: Final = re.compile(rf"^{EDIT_OPEN} *\n{_OLD}{EDIT_MIDDLE} *\n{_NEW}{EDIT_CLOSE} *$", re.MULTILINE)
_DIFF: Final = re.compile(
    r"(?:diff --git a/controller\.py b/controller\.py\n)?--- (?:a/)?controller\.py\n\+\+\+ (?:b/)?controller\.py\n(?=@@)"
)
_TITLE: Final = re.compile(r"@@ -(\d{1,6})(?:,(\d{1,6}))? \+(\d{1,6})(?:,(\d{1,6}))? @@(?: .*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Missing:
    """A missing import.

    Args:
        line: the line that imports.
        after: the lines above it where a file's head is its place: those of the docstring, or of imports from the future.
        first: the lines above the first statement after those.
        gap: the empty lines that part it from that statement.
    """

    line: str
    after: int
    first: int
    gap: tuple[str, ...]


def _missing(source: str, tools: Iterable[str]) -> _Missing | None:
    """Return the import of the toolkit's functions that a controller uses and does not bind; None if all is there."""
    if len(source) > LONGEST or not _ACT.search(source):
        return None
    try:
        tree = parse_module(source)
    except UNREADABLE:
        return None
    bound, used = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
    missing = sorted(used & set(tools) - bound)
    head = [node for node in tree.body if _is_head(node, tree)]
    body = tree.body[len(head) :]
    if not missing or not body or tree.body[: len(head)] != head:
        return None
    first = min([body[0].lineno, *(one.lineno for one in getattr(body[0], "decorator_list", []))]) - 1
    after = (head[-1].end_lineno or first) if head else first
    gap = () if isinstance(body[0], ast.ImportFrom) else ("", "")
    return _Missing(f"from toolkit import {', '.join(missing)}", after, first, gap)


def _is_head(node: ast.stmt, tree: ast.Module) -> bool:
    """Tell whether a statement must stand before all imports."""
    future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return future or (node is tree.body[0] and ast.get_docstring(tree, clean=False) is not None)


def imported(body: str, tools: Iterable[str], source: str) -> str:
    """Return a whole controller, or a diff of `source`, with the import of the toolkit's functions it uses; else the text."""
    found = _DIFF.match(body)
    if found is None:
        return _with_import(body, tools)
    new = _patched(body[found.end() :].rstrip("\n").split("\n"), source)
    whole = _with_import(new, tools)
    return diff(source, whole) if whole != new else body


def _with_import(source: str, tools: Iterable[str]) -> str:
    missing = _missing(source, tools)
    if missing is None:
        return source
    lines = source.split("\n")
    added = ["", missing.line] if missing.after < missing.first else [missing.line]
    return "\n".join([*lines[: missing.after], *added, *lines[missing.after :]])


def _patched(lines: list[str], source: str) -> str:
    """Return a controller after the hunks of a diff; empty if they, or the counts in their titles, do not fit to the letter."""
    old, new, at = source.split("\n"), list[str](), 0
    titles = [place for place, line in enumerate(lines) if line.startswith("@@")]
    for begin, end in zip(titles, [*titles[1:], len(lines)], strict=True):
        title, hunk = _TITLE.fullmatch(lines[begin]), lines[begin + 1 : end]
        if title is None or any(line[:1] not in ("", " ", "-", "+") for line in hunk):
            return ""
        before = [line[1:] for line in hunk if line[:1] != "+"]
        after = [line[1:] for line in hunk if line[:1] != "-"]
        start = int(title[1]) - 1
        new += old[at:start]
        fits = before and at <= start and old[start : start + len(before)] == before and int(title[3]) == len(new) + 1
        if not fits or (len(before), len(after)) != (int(title[2] or 1), int(title[4] or 1)):
            return ""
        new, at = new + after, start + len(before)
    return "\n".join(new + old[at:])


def edits_imported(answer: str, tools: Iterable[str], source: str) -> str:
    """Return SEARCH/REPLACE blocks that import the toolkit's functions which they call; anything else as it is.

    The import stands before the first statement: in the block that writes that, or in one of its own.
    """
    edits = list(_EDIT.finditer(answer))
    if not 0 < len(edits) <= MOST_EDITS or len(source) > LONGEST:
        return answer
    text, new, at = "\n" + source, "", 0
    placed: list[tuple[int, re.Match[str]]] = []
    """Where in the new controller the lines of each edit begin."""
    for place, edit in sorted(((text.find("\n" + edit["old"]), edit) for edit in edits), key=lambda one: one[0]):
        if not edit["old"] or place < at or text.find("\n" + edit["old"], place + 1) >= 0:
            return answer
        placed.append((len(new) + place - at, edit))
        new += source[at:place] + edit["new"]
        at = place + len(edit["old"])
    new += source[at:]
    missing = _missing(new, tools)
    return answer if missing is None else _placed(answer, missing, new, source, placed)


def _placed(answer: str, missing: _Missing, new: str, source: str, placed: list[tuple[int, re.Match[str]]]) -> str:
    """Return edits with the import before the first statement of the controller to which they lead."""
    lines = new.split("\n")
    spot = len("".join(f"{line}\n" for line in lines[: missing.first]))
    added = "\n".join([missing.line, *missing.gap, ""])
    for start, edit in placed:
        if start <= spot <= start + len(edit["new"]):
            at = edit.start("new") + spot - start
            return answer[:at] + added + answer[at:]
    line = lines[missing.first]
    if source.split("\n").count(line) > 1:
        return answer
    end = max(edit.end() for _, edit in placed)
    return f"{answer[:end]}\n<<<<<<< SEARCH\n{line}\n=======\n{added}{line}\n>>>>>>> REPLACE{answer[end:]}"

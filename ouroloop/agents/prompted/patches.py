"""From a model's reply to the patch in it: form is mended, doubt is left to the screen.

The screen takes one diff, one set of SEARCH/REPLACE blocks, or one whole controller, in exact form. Models are less exact in
what does not matter: line ends, kinds of fences, their titles and indents, time stamps in a diff's headers, a shell example
after the patch, the same patch once more, a toolkit function that they forgot to import. Whatever could be a second candidate
stays where it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ouroloop.protocols.syntax import UNREADABLE, parse_module
from ouroloop.protocols.text import EDIT_CLOSE, EDIT_MIDDLE, EDIT_OPEN

_FENCE: Final = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)")
DEEPEST: Final = 3
"""The most spaces by which a fence is indented outside of a list."""
_ITEM: Final = re.compile(r" *(?:[-*+]|\d{1,9}[.)]) +(?=\S)")
"""What begins an item of a list."""
_OTHER: Final = frozenset(("bash", "sh", "shell", "console", "zsh", "cmd", "powershell", "text", "txt", "plaintext", "output"))
"""Languages of fences that hold no patch."""
_FILE: Final = re.compile(r"\s*(?:[./\w-]*/)?controller\.py\s*")
_STAMP: Final = r"\t[^\n]*| +\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?: ?(?:[+-]\d\d:?\d\d|Z|UTC))?[ \t]*"
_HEADER: Final = re.compile(rf"^((?:---|\+\+\+) (?:[ab]/)?controller\.py)(?:{_STAMP})$", re.MULTILINE)
"""A header of a diff with a time stamp after the path."""
_CANDIDATE: Final = re.compile(r"def\s+act\b|^(?:\+\+\+|---|@@|<{4,}|>{4,}|\*\*\* )", re.MULTILINE)


_OLD: Final = rf"(?P<old>(?:(?!{EDIT_MIDDLE} *$|{EDIT_OPEN}).*\n)*+)"
_NEW: Final = rf"(?P<new>(?:(?!{EDIT_CLOSE} *$|{EDIT_OPEN}).*\n)*+)"
_EDIT: Final = re.compile(rf"^{EDIT_OPEN} *\n{_OLD}{EDIT_MIDDLE} *\n{_NEW}{EDIT_CLOSE} *$", re.MULTILINE)


@dataclass(slots=True)
class _Block:
    """A fenced block: its first line, its content, its last line; `mark` is None for text outside of fences."""

    mark: str | None
    info: str
    lines: list[str]


def mended(answer: str, tools: Iterable[str] = (), source: str = "") -> str:
    """Return an answer in the form that the screen reads.

    Args:
        answer: the reply without its thoughts.
        tools: names of the toolkit's functions; a controller or an edit that uses one without importing it gets the import.
        source: the controller in use; without it edits get no import.
    """
    blocks = _read(answer.replace("\r\n", "\n").lstrip("\ufeff"))
    fenced = [block for block in blocks if block.mark is not None]
    if len(fenced) > 1:
        once = {_essence(block): block for block in reversed(fenced) if not _beside(block)}
        if once:
            kept = {id(block) for block in once.values()}
            blocks = [block for block in blocks if block.mark is None or id(block) in kept]
            fenced = list(once.values())
    if not fenced:
        return _importing(_imported(_HEADER.sub(r"\1", _text(blocks)), tools), tools, source)
    for block in fenced:
        body = _HEADER.sub(r"\1", "\n".join(block.lines))
        block.lines = (_imported(body, tools) if len(fenced) == 1 else body).rstrip("\n").split("\n")
    return _importing(_text(blocks), tools, source)


def _read(text: str) -> list[_Block]:
    """Return an answer as blocks. An indented fence is one only if no other is there and no candidate stands outside of it."""
    blocks = _blocks(text, indented=False)
    if any(block.mark is not None for block in blocks):
        return blocks
    indented = _blocks(text, indented=True)
    outside = "\n".join(line for block in indented if block.mark is None for line in block.lines)
    return blocks if _CANDIDATE.search(outside) else indented


def _blocks(text: str, *, indented: bool) -> list[_Block]:
    """Return an answer as blocks, fenced or not; a fence that is not closed stays text.

    A fence may be indented by three spaces, and by more inside an item of a list (CommonMark 0.31, 4.5 and 5.2). If the indent
    of one is in doubt, none is read.
    """
    blocks = [_Block(None, "", [])]
    unclosed: set[tuple[str, str]] = set()
    lines = text.split("\n")
    at = item = 0
    while at < len(lines):
        opened = _FENCE.fullmatch(lines[at])
        indent, mark = (opened["indent"], opened["mark"]) if opened else ("", "")
        closed = None
        if opened and (indented or not indent) and (indent, mark) not in unclosed and len(indent) <= item + DEEPEST:
            closed = _closing(lines, at, indent, mark)
            unclosed |= {(indent, mark)} if closed is None else set()
        if opened is None or closed is None:
            item = _item(lines[at], item)
            blocks[-1].lines.append(lines[at])
            at += 1
            continue
        inside = _outdented(lines[at + 1 : closed], indent)
        if inside is None:
            return _blocks(text, indented=False)
        blocks += [_Block(mark, opened["info"].strip(), inside), _Block(None, "", [])]
        at = closed + 1
    return blocks


def _item(line: str, item: int) -> int:
    """Return where the content of the present item of a list begins after this line; 0 outside of lists."""
    if found := _ITEM.match(line):
        return found.end()
    return 0 if line[:1].strip() else item


def _outdented(lines: list[str], indent: str) -> list[str] | None:
    """Return what an indented fence holds, without its indent; None if it is in doubt.

    If some lines begin in the first column, only the fence itself was indented.
    """
    filled = [line for line in lines if line.strip()]
    if all(line.startswith(indent) for line in filled):
        return [line[len(indent) :] for line in lines]
    sloppy = len(indent) <= DEEPEST and any(not line.startswith(" ") for line in filled)
    return lines if sloppy else None


def _closing(lines: list[str], opened: int, indent: str, mark: str) -> int | None:
    for at in range(opened + 1, len(lines)):
        line = lines[at].strip()
        if len(line) < len(mark) or line.strip(mark[0]):
            continue
        before = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        if before == indent or max(len(before), len(indent)) <= DEEPEST:
            return at
    return None


def _essence(block: _Block) -> tuple[str, str]:
    """Return what two fenced blocks have in common if they say the same: language or title, and content."""
    return _language(block.info), "\n".join(block.lines).rstrip()


def _beside(block: _Block) -> bool:
    """Tell whether a fenced block only stands beside a patch: a shell's, or the file's name alone."""
    body = "\n".join(block.lines)
    if _FILE.fullmatch(body):
        return True
    return block.info.lower().split(" ")[0] in _OTHER and not _CANDIDATE.search(body)


def _text(blocks: list[_Block]) -> str:
    """Return blocks as text, all fences of backticks with a bare language."""
    out: list[str] = []
    for block in blocks:
        if block.mark is None:
            out += block.lines
            continue
        longest = max((len(found) for line in block.lines for found in re.findall(r"^`{3,}", line)), default=2)
        mark = "`" * max(3, longest + 1) if block.mark[0] == "~" else block.mark
        out += [mark + _language(block.info), *block.lines, mark]
    return "\n".join(out)


def _language(info: str) -> str:
    """Return the first word of a fence's title; the whole title if it names another file than the controller."""
    if any(not _FILE.fullmatch(file) for file in re.findall(r"[\w./-]+\.\w+", info)):
        return info
    found = re.match(r"[A-Za-z0-9_+-]*", info)
    return found[0] if found else ""


def _imported(source: str, tools: Iterable[str]) -> str:
    """Return a whole controller that imports the toolkit's functions it uses; anything else as it is."""
    if not re.search(r"^def act\(", source, re.MULTILINE):
        return source
    try:
        tree = parse_module(source)
    except UNREADABLE:
        return source
    bound = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    bound |= {alias.asname or alias.name for node in imports for alias in node.names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    missing = sorted(used & set(tools) - bound)
    if not missing:
        return source
    lines = source.split("\n")
    first = tree.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    after = (first.end_lineno or 0) if documented else first.lineno - 1
    line = f"from toolkit import {', '.join(missing)}"
    return "\n".join([*lines[:after], *(["", line] if documented else [line]), *lines[after:]])


def _importing(answer: str, tools: Iterable[str], source: str) -> str:
    """Return SEARCH/REPLACE blocks with one more that imports the toolkit's functions which they call; anything else as it is.

    A name that stands in the controller already, or in the new lines other than as a call, gets no import.
    """
    edits = list(_EDIT.finditer(answer))
    try:
        tree = parse_module(source)
    except UNREADABLE:
        return answer
    new = "".join(edit["new"] for edit in edits)
    missing = [
        tool
        for tool in sorted(set(tools) - set(re.findall(r"\w+", source)))
        if re.search(rf"\b{tool} *\(", new) and not re.search(rf"\b{tool}\b(?! *\()|(?:\bdef +|\.){tool}\b", new)
    ]
    body = tree.body[ast.get_docstring(tree) is not None :]
    if not missing or not body:
        return answer
    lines = source.split("\n")
    line = lines[body[0].lineno - 1]
    if lines.count(line) > 1 or any(line in edit["old"].split("\n") for edit in edits):
        return answer
    gap = "" if isinstance(body[0], ast.ImportFrom) else "\n\n"
    added = f"<<<<<<< SEARCH\n{line}\n=======\nfrom toolkit import {', '.join(missing)}\n{gap}{line}\n>>>>>>> REPLACE"
    return f"{answer[: edits[-1].end()]}\n{added}{answer[edits[-1].end() :]}"

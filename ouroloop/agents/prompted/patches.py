"""From a model's reply to the patch in it: form is mended, doubt is left to the screen.

The screen takes one diff, one set of SEARCH/REPLACE blocks, or one whole controller, in exact form. Models are less exact in
what does not matter: line ends, kinds of fences, titles of fences, time stamps in a diff's headers, a shell example after the
patch, a toolkit function that they forgot to import. Whatever could be a second candidate stays where it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(r"(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)")
_OTHER: Final = frozenset(("bash", "sh", "shell", "console", "zsh", "cmd", "powershell", "text", "txt", "plaintext", "output"))
"""Languages of fences that hold no patch."""
_FILE: Final = re.compile(r"\s*(?:[./\w-]*/)?controller\.py\s*")
_HEADER: Final = re.compile(r"^((?:---|\+\+\+) [^\t\n]+)\t[^\n]*$", re.MULTILINE)
"""A header of a diff with a time stamp after the path."""
_CANDIDATE: Final = re.compile(r"def\s+act\b|^(?:\+\+\+|---|@@|<{4,}|>{4,}|\*\*\* )", re.MULTILINE)


@dataclass(slots=True)
class _Block:
    """A fenced block: its first line, its content, its last line; `mark` is None for text outside of fences."""

    mark: str | None
    info: str
    lines: list[str]


def mended(answer: str, tools: Iterable[str] = ()) -> str:
    """Return an answer in the form that the screen reads.

    Args:
        answer: the reply without its thoughts.
        tools: names of the toolkit's functions; a whole controller that uses one without importing it gets the import.
    """
    blocks = _blocks(answer.replace("\r\n", "\n").lstrip("\ufeff"))
    fenced = [block for block in blocks if block.mark is not None]
    if len(fenced) > 1:
        kept = [block for block in fenced if not _beside(block)]
        if kept:
            blocks = [block for block in blocks if block.mark is None or block in kept]
            fenced = kept
    if not fenced:
        return _imported(_HEADER.sub(r"\1", _text(blocks)), tools)
    for block in fenced:
        body = _HEADER.sub(r"\1", "\n".join(block.lines))
        block.lines = (_imported(body, tools) if len(fenced) == 1 else body).rstrip("\n").split("\n")
    return _text(blocks)


def _blocks(text: str) -> list[_Block]:
    """Return an answer as blocks, fenced or not; a fence that is not closed stays text."""
    blocks = [_Block(None, "", [])]
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opened = _FENCE.fullmatch(lines[at])
        closed = _closing(lines, at, opened["mark"]) if opened else None
        if opened is None or closed is None:
            blocks[-1].lines.append(lines[at])
            at += 1
            continue
        blocks += [_Block(opened["mark"], opened["info"].strip(), lines[at + 1 : closed]), _Block(None, "", [])]
        at = closed + 1
    return blocks


def _closing(lines: list[str], opened: int, mark: str) -> int | None:
    for at in range(opened + 1, len(lines)):
        line = lines[at].strip()
        if len(line) >= len(mark) and not line.strip(mark[0]):
            return at
    return None


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
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
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

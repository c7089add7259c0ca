"""The fenced blocks of a model's reply, in whatever kind of fence they stand."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from ouroloop.protocols.text import next_at_least

_FENCE: Final = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)")
DEEPEST: Final = 3
"""The most spaces by which a fence is indented outside of a list."""
_ITEM: Final = re.compile(r" *(?:[-*+]|\d{1,9}[.)]) +(?=\S)")
"""What begins an item of a list."""
_OTHER: Final = frozenset(("bash", "sh", "shell", "console", "zsh", "cmd", "powershell", "text", "txt", "plaintext", "output"))
"""Languages of fences that hold no patch."""
_USUAL: Final = frozenset(("py", "python", "python3", "diff", "patch"))
"""Languages of fences that say nothing that their content does not say."""
_FILE: Final = re.compile(r"\s*(?:[./\w-]*/)?controller\.py\s*")
_CANDIDATE: Final = re.compile(r"def\s+act\b|^(?:\+\+\+|---|@@|<{4,}|>{4,}|\*\*\* )", re.MULTILINE)


@dataclass(slots=True)
class Block:
    """A fenced block: its mark, its title, its content; `mark` is None for text outside of fences."""

    mark: str | None
    info: str
    lines: list[str]


def read_blocks(text: str) -> list[Block]:
    """Return an answer as blocks. An indented fence is one only if no other is there and no candidate stands outside of it."""
    blocks = _blocks(text, indented=False)
    if any(block.mark is not None for block in blocks) or not ("```" in text or "~~~" in text):
        return blocks
    indented = _blocks(text, indented=True)
    return blocks if _CANDIDATE.search(_outside(indented)) else indented


def outside(text: str) -> str:
    """Return what of an answer stands outside of fences."""
    return _outside(read_blocks(text))


def _outside(blocks: list[Block]) -> str:
    return "\n".join(line for block in blocks if block.mark is None for line in block.lines)


def _blocks(text: str, *, indented: bool) -> list[Block]:
    """Return an answer as blocks, fenced or not; a fence that is not closed stays text.

    A fence may be indented by three spaces, and by more inside an item of a list (CommonMark 0.31, 4.5 and 5.2). If the indent
    of one is in doubt, none is read.
    """
    blocks = [Block(None, "", [])]
    lines = text.split("\n")
    fences = _fences(lines)
    at = item = 0
    while at < len(lines):
        opened, closed = fences.get(at, (None, 0))
        indent = opened["indent"] if opened else ""
        if opened is None or (indent and not indented) or len(indent) > item + DEEPEST:
            item = _item(lines[at], item)
            blocks[-1].lines.append(lines[at])
            at += 1
            continue
        inside = _outdented(lines[at + 1 : closed], indent)
        if inside is None:
            return _blocks(text, indented=False)
        blocks += [Block(opened["mark"], opened["info"].strip(), inside), Block(None, "", [])]
        at = closed + 1
    return blocks


def _fences(lines: list[str]) -> dict[int, tuple[re.Match[str], int]]:
    """Return the lines that open a fence which is closed, each with the line that closes it.

    That is the next one of as many marks or more and of the same indent; up to three spaces are the same.
    """
    alike: dict[tuple[str, str], list[tuple[int, re.Match[str] | None, int]]] = defaultdict(list)
    for at, line in enumerate(lines):
        if ("```" in line or "~~~" in line) and (bare := line.strip()).startswith(("```", "~~~")):
            before = line[: len(line) - len(line.lstrip())]
            closing = 0 if bare.strip(bare[0]) else len(bare)
            key = (bare[0], before if len(before) > DEEPEST else "")
            alike[key].append((at, _FENCE.fullmatch(line), closing))
    found: dict[int, tuple[re.Match[str], int]] = {}
    for fences in alike.values():
        after = next_at_least(
            [len(opened["mark"]) if opened else 0 for _, opened, _ in fences], [closing for _, _, closing in fences]
        )
        for (at, opened, _), closed in zip(fences, after, strict=True):
            if opened is not None and closed is not None:
                found[at] = opened, fences[closed][0]
    return found


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


def essence(block: Block) -> tuple[str, str]:
    """Return what two fenced blocks have in common if they say the same: language or title, and content."""
    language = _language(block.info)
    return "" if language.lower() in _USUAL else language, "\n".join(block.lines).rstrip()


def is_beside(block: Block) -> bool:
    """Tell whether a fenced block only stands beside a patch: a shell's, or the file's name alone."""
    body = "\n".join(block.lines)
    if _FILE.fullmatch(body):
        return True
    return block.info.lower().split(" ")[0] in _OTHER and not _CANDIDATE.search(body)


def text_of(blocks: list[Block]) -> str:
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
    """Return the first word of a fence's title; the whole title if it names another file than the controller.

    A file's ending begins with a letter: `python3.11` and `hl_lines="2.3"` name none.
    """
    files = [word for word in re.findall(r"[\w./-]+", info) if re.search(r"[\w/-]\.[A-Za-z]", word)]
    if not all(_FILE.fullmatch(file) for file in files):
        return info
    found = re.match(r"[A-Za-z0-9_+-]*", info)
    return found[0] if found else ""

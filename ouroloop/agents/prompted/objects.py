"""Objects in a model's reply: where they begin and end, and what they say.

Models write JSON as they write code: with trailing commas, comments, single quotes, `+0.5`. They also draw objects in prose,
with dots or types where the values should be, and put braces around words.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import json5

from ouroloop.protocols.syntax import parse_expression

LENIENT: Final = 20_000
"""Characters of a reply's objects that are read in other ways than as JSON."""
AS_JSON5: Final = 2_500
"""The same for JSON5, whose reader takes up to 70 microseconds for a character."""
COMMENTED: Final = 1_000_000
"""Characters of comments before first keys that are looked at; braces in one line share theirs."""
_FENCE: Final = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^`~{}\n]*$", re.MULTILINE)
_BLANK: Final = re.compile(r"\s*+")
_GAP: Final = re.compile(r"(?:\s++|//[^\n]*+|/\*(?s:.*?)(?:\*/|\Z)|#[^\n]*+)*+")
_QUOTE: Final = "[\"'\u201c\u201d]"
_KEY: Final = re.compile(rf"{_QUOTE}\w|[^\s{{}}\[\]:,]{{1,60}}+\s*+:")
"""What follows the brace of an object. The brace of prose has none behind it."""
_QUOTED: Final = rf"{_QUOTE}[^\"'\u201c\u201d\n]{{1,60}}+(?:{_QUOTE}\s*+(?::|\Z)|\Z)"
_QUOTED_KEY: Final = re.compile(_QUOTED)
"""A key in quotes, or what a reply that is cut off says of it."""
_TOKEN: Final = re.compile(
    r"""\\.|(?P<said>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')|(?P<note>//[^\n]*+|#[^\n]*+|/\*.*?(?:\*/|\Z))|[{}"]""",
    re.DOTALL,
)
"""Strings and comments, in which braces do not count, braces, and a quote whose line has no other."""
_BEGUN: Final = re.compile(r"""\{\s*+["']?+\w*+\s*+\Z""")
"""An object that is cut off before its first key ends."""
_GOES_ON: Final = re.compile(
    r"[\s}]*+[,\]](?:\s++|//[^\n]{0,300}+|/\*.{0,300}?\*/|#[^\n]{0,300}+|[,\]}])*+"
    rf"(?:{_QUOTED}|(?:terms|gamma_r|anneal|loss)\s*+:|\{{\s*+(?!{_QUOTE}?terms)(?:{_QUOTE}|\w++\s*+:))",
    re.DOTALL,
)
"""What follows an object that was closed too early: another key, or an object that begins no spec of its own."""
_SHOUTED: Final = r"(?!NULL|NONE|TRUE|FALSE|NAN|INF)[A-Z][A-Z\d_]*+"
_TYPE: Final = r"(?:str|string|float|number|int|integer|bool|boolean|list|array|dict|object)"
_SKETCH: Final = re.compile(rf"\.\.\.|\u2026|[:\[,{{]\s*+<[\w -]{{1,60}}>|[:\[,]\s*+(?:{_SHOUTED}|{_TYPE})\b\s*+[|\[,\]}}]")
"""Outside of strings and comments: dots, `<word>`, a word in capitals, or a type, where a value should be."""
_PLAIN: Final = json.JSONDecoder(strict=False)
_FAILURES: Final = (ValueError, SyntaxError, RecursionError, MemoryError, TypeError, OverflowError)
"""What the lenient readers raise."""


class _Twice(ValueError):
    """A key is given twice, however one reads it."""


@dataclass(frozen=True, slots=True)
class Found:
    """An outermost object in a reply.

    Args:
        body: its text; of one that is not closed, all that follows.
        closed: whether it is closed.
        goes_on: whether what follows reads like another part of it.
        cut_off: whether the reply ends in it, after a key in quotes or before any.
    """

    body: str
    closed: bool = True
    goes_on: bool = False
    cut_off: bool = False


def objects(text: str) -> Iterator[Found]:
    """Yield each outermost object. A line that is a fence ends all objects."""
    parts = _FENCE.split(text)
    looked = 0
    for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
        at = 0
        for brace in re.finditer(r"\{", part):
            if brace.start() < at:
                continue
            gap = (_GAP if looked < COMMENTED else _BLANK).match(part, brace.end())
            first = gap.end() if gap else brace.end()
            looked += first - brace.end()
            if not _KEY.match(part, first):
                continue
            end = _end(part, brace.start())
            if end is None:
                cut_off = not left and _QUOTED_KEY.match(part, first) is not None
                yield Found(part[brace.start() :], closed=False, cut_off=cut_off)
                break
            yield Found(part[brace.start() : end], goes_on=_GOES_ON.match(part, end) is not None)
            at = end
    if _BEGUN.search(text):
        yield Found(text, closed=False, cut_off=True)


def _end(text: str, start: int) -> int | None:
    """Return where the object that begins at `start` ends; None if it is not closed."""
    depth, tried = 0, False
    for token in _TOKEN.finditer(text, start):
        if token[0] == '"' and not tried:
            tried = True
            with suppress(ValueError, RecursionError):  # a string may hold a line break; JSON says where it ends
                return start + _PLAIN.raw_decode(text[start : start + LENIENT])[1]
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if token[0] == "}" and not depth:
            return token.end()
    return None


def is_sketch(body: str) -> bool:
    """Tell whether an object shows the form of a spec: something that is no value stands where a value should."""
    bare = _TOKEN.sub(lambda token: '""' if token["said"] else " " if token["note"] else token[0], body)
    return _SKETCH.search(bare) is not None


@dataclass(slots=True)
class Reader:
    """Reads the objects of one reply. Not many are read in other ways than as JSON, since that is slow."""

    left: int = LENIENT
    left_json5: int = AS_JSON5

    def read(self, body: str) -> Any:
        """Return an object as data, read as JSON, else as JSON5 or as a Python literal.

        Raises:
            ValueError: it cannot be read, or a key is given twice.
        """
        try:
            return _json(body)
        except _Twice:
            raise
        except ValueError as error:
            first = error
        if len(body) > self.left or is_sketch(body):
            raise first
        self.left -= len(body)
        bare = re.sub(r"\n\s+", "\n", _TOKEN.sub(lambda token: " " if token["note"] else token[0], body))
        slow = len(bare) <= self.left_json5
        self.left_json5 -= len(bare) if slow else 0
        for reading in (_json, _json5, _literal) if slow else (_json, _literal):
            try:
                return _json(json.dumps(reading(bare)))  # a literal may hold what JSON cannot
            except _Twice:
                raise
            except _FAILURES:
                continue
        raise first


def _json(body: str) -> Any:
    try:
        return json.loads(body, strict=False, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _json5(body: str) -> Any:
    return json5.loads(body, object_pairs_hook=_unique)


def _literal(body: str) -> Any:
    tree = parse_expression(body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            _unique([(ast.dump(key) if key is not None else "**", None) for key in node.keys])
    return ast.literal_eval(tree)


def _unique(given: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(given)
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Twice("a key is given twice")
    return dict(pairs)

"""The byte layer: the characters that a payload may contain, checked before anything parses it."""

from __future__ import annotations

import io
import re
import tokenize
import unicodedata

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.text import hidden

SIZE_CAP = 20_000
"""Most bytes of a controller or a diff."""
BRACKET_CAP = 32
INDENT_CAP = 16
OPERATOR_RUN_CAP = 12
LOGICAL_LINE_CAP = 2000
"""Most tokens of one logical line."""

_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=]", re.MULTILINE)
_UNUSUAL = re.compile(r"[^\n\t -~]+")
_PICTURED = re.compile(
    r"(?<=[\u00a9\u00ae\u203c\u2049\u2122\u2194-\u21aa\u231a-\u23ff\u25a0-\u27ff\u2934\u2935\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001faff])\ufe0f"
)
"""The selector that asks for a symbol's picture, as of a warning sign. Elsewhere it is hidden text; no name holds a symbol."""
MARKS_CAP = 8
"""Most combining marks in a row: no script stacks more, and a flood of them writes over the lines around it."""
_LAYOUT = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING})


def check_characters(text: str) -> None:
    """Refuse anything but small, plain UTF-8 text.

    Raises:
        CandidateFault: layer "bytes": it is too large, or contains surrogates, hidden characters (`protocols.text.hidden`:
            controls, carriage returns, BOM, bidirectional marks, fillers, selectors, tags), or floods of combining marks.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise CandidateFault("bytes", "not valid UTF-8 (a lone surrogate)") from error
    if size > SIZE_CAP:
        raise CandidateFault("bytes", f"{size} bytes, at most {SIZE_CAP} are allowed")
    for unusual in _UNUSUAL.finditer(text):
        marks = 0
        for char in _PICTURED.sub("", unusual.group()):
            marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
            if hidden(char):
                what = f"holds U+{ord(char):04X}; only visible characters, spaces and line feeds"
            elif marks > MARKS_CAP:
                what = f"holds more than {MARKS_CAP} combining marks in a row"
            else:
                continue
            raise CandidateFault("bytes", f"line {text.count(chr(10), 0, unusual.start()) + 1} {what}")


def check_layout(source: str) -> None:
    """Refuse an encoding cookie and nesting that could exhaust a parser, before anything is parsed.

    Raises:
        CandidateFault: layer "bytes".
    """
    if _COOKIE.search("\n".join(source.split("\n")[:2])):
        raise CandidateFault("bytes", "an encoding cookie; sources are UTF-8 without one")
    depth = indent = run = length = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source, newline="\n").readline):
            text = token.string
            if token.type in _LAYOUT:
                indent += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
            else:
                if token.type == tokenize.STRING and _nested(text) > BRACKET_CAP:
                    depth = BRACKET_CAP + 1
                depth += (text in "([{" and text != "") - (text in ")]}" and text != "")
                prefix = (token.type == tokenize.OP and text not in "()[]{},:") or text in ("not", "lambda")
                run = run + 1 if prefix else 0
                length = 0 if token.type == tokenize.NEWLINE else length + 1
            if depth > BRACKET_CAP or indent > INDENT_CAP or run > OPERATOR_RUN_CAP or length > LOGICAL_LINE_CAP:
                raise CandidateFault("bytes", f"line {token.start[0]}: nested too deeply or too long, simplify")
    except (tokenize.TokenError, SyntaxError):
        # Not Python: the next layer's parser gives a better reason. Everything read so far was within bounds.
        return


def _nested(text: str) -> int:
    """Return how deep brackets nest in a string: before Python 3.12, one token hides all expressions of an f-string."""
    depth = deepest = 0
    if "f" not in text[:2].lower():
        return 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return deepest

"""The byte layer: the characters that a payload may contain, checked before anything parses it."""

from __future__ import annotations

import io
import re
import tokenize
import unicodedata

from ouroloop.protocols.errors import CandidateFault

SIZE_CAP = 20_000
"""Most bytes of a controller or a diff."""
BRACKET_CAP = 32
INDENT_CAP = 16
OPERATOR_RUN_CAP = 12
LOGICAL_LINE_CAP = 2000
"""Most tokens of one logical line."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=]", re.MULTILINE)
_REFUSED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_LAYOUT = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING})


def check_characters(text: str) -> None:
    """Refuse anything but small, plain UTF-8 text.

    Raises:
        CandidateFault: layer "bytes": it is too large, or contains surrogates, BOM, NUL, control characters, carriage returns,
            bidirectional or other invisible characters.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise CandidateFault("bytes", "not valid UTF-8 (a lone surrogate)") from error
    if size > SIZE_CAP:
        raise CandidateFault("bytes", f"{size} bytes, at most {SIZE_CAP} are allowed")
    found = _CONTROL.search(text)
    char = found.group() if found else None
    if char is None and not text.isascii():
        char = next((c for c in text if c not in "\n\t" and unicodedata.category(c) in _REFUSED), None)
    if char is not None:
        line = text[: text.index(char)].count("\n") + 1
        raise CandidateFault("bytes", f"line {line} holds U+{ord(char):04X}; only visible characters, spaces and line feeds")


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

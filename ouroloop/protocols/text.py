"""Text from outside, made safe to show: what a model, a candidate, a role or a received run directory says.

Only visible characters, spaces, tabs and line feeds come through. Everything else that could move a terminal's cursor,
set its clipboard, turn its text around or hide in it is written as a Python escape, so that a reader sees that it was there.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that are not shown: controls (C0, C1), format characters (bidi, zero width, tags), unassigned and
private code points, surrogates, line and paragraph separators."""
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u2d7f\u3164\uffa0"
    "\U0001107f\U00011a47\U00011a99\U00013441\U00013442\U00016fe4\U0001d159"
)
"""Letters, marks and symbols without a glyph: joiners, fillers (Hangul, Khitan), Khmer inherent vowels, Mongolian variation
selectors, blanks (Braille, hieroglyphs, music)."""
EDIT_OPEN: Final = r"<{5,9} SEARCH"
EDIT_MIDDLE: Final = r"={5,9}"
EDIT_CLOSE: Final = r">{5,9} REPLACE"
"""The three lines that mark a SEARCH/REPLACE block, as regular expressions without the blanks at their ends."""
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{6,}")


def hidden(char: str) -> bool:
    """Say whether a character is invisible or has an effect beyond its glyph; spaces, tabs and line feeds are not hidden."""
    if " " <= char <= "~" or char in "\n\t":
        return False
    return unicodedata.category(char) in HIDDEN or char in _BLANK or _is_variation_selector(char)


def plain(text: str) -> str:
    r"""Return text whose hidden characters are written as escapes (`\x1b`, `\u202e`); CR LF becomes a line feed."""
    kept = text.replace("\r\n", "\n")
    if kept.isascii() and kept.isprintable():
        return kept
    return "".join(_escape(char) if hidden(char) else char for char in kept)


def plain_line(text: str, limit: int = 300) -> str:
    """Return text as one line: hidden characters as escapes, runs of white space as one space, cut to `limit`."""
    joined = " ".join(plain(text[: 4 * limit]).split())
    return joined if len(joined) <= limit else joined[: limit - 3] + "..."


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, which takes an `s` unless it is one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def did_you_mean(word: str, known: Iterable[str], least: float = 0.4) -> str:
    """Return a hint at the most similar known word, to stand before more text; empty if none is at least so similar."""
    near = difflib.get_close_matches(word, list(known), 1, least)
    return f"did you mean {near[0]}? " if near else ""


def shell_word(value: str | Path) -> str:
    r"""Return text as one word of a shell's command line; hidden characters are escapes in quotes of bash (`$'\x1b'`)."""
    text = str(value)
    if not any(hidden(char) or char in "\n\t" for char in text):
        return shlex.quote(text)
    shown = (chr(byte) if " " <= chr(byte) <= "~" and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{''.join(shown)}'"


def whole(text: str) -> str:
    """Return text whose halves of surrogate pairs, which no file or message can hold, are replacement characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def holds_edits(text: str) -> bool:
    """Tell whether a model's answer is meant as SEARCH/REPLACE blocks."""
    return re.search(rf"^{EDIT_OPEN} *+\r?$", text, re.MULTILINE) is not None


def next_at_least(needs: Sequence[int], sizes: Sequence[int]) -> list[int | None]:
    """Return for each place the next one after it whose size is at least its need; None if there is none.

    Fences are paired so, in one pass from the end: of the places ahead only those count that are larger than all before them.
    """
    found: list[int | None] = [None] * len(needs)
    places, smaller = list[int](), list[int]()
    for at in range(len(needs) - 1, -1, -1):
        if fitting := bisect_right(smaller, -needs[at]):
            found[at] = places[fitting - 1]
        while smaller and smaller[-1] >= -sizes[at]:
            places.pop()
            smaller.pop()
        places.append(at)
        smaller.append(-sizes[at])
    return found


def without_addresses(text: str) -> str:
    """Return text with its memory addresses as `0x…`: they differ from process to process, and records must not."""
    return _ADDRESS.sub("0x…", text)


def _is_variation_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()

"""From a model's whole answer to its one payload: a diff, SEARCH/REPLACE blocks or a controller, bare or fenced."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from unicodedata import normalize

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.text import holds_edits
from ouroloop.sandbox.screen.edits import Edit, read_edits
from ouroloop.sandbox.screen.fences import fenced, holds_fence

REPLY_CAP = 200_000
"""Most characters of a model's answer; longer ones are refused unread."""

_DIFF_START = re.compile(r"(diff --git |--- |Index: )")
_SOURCE = re.compile(r"^\ufeff?def act *+\(", re.MULTILINE)
_QUOTED_DIFF = re.compile(
    r"""(^|\\n|["'])(diff --git |Index: |--- (a/|/|\\?["'])|\+\+\+ (b/|/|\\?["'])|GIT binary patch)""", re.MULTILINE
)
"""A diff in a string of a controller, with its line feeds escaped or not."""
_MARKER = re.compile(r"^(<{4}|>{4}|\*\*\* (Begin Patch|Update File|Add File))", re.MULTILINE)
"""A line of a conflict or of another tool's patch: none of them can stand in a controller but in a string."""
_MARGIN = r"^[^A-Za-z`\"'\n]{0,80}?(?:<\w[^<>\n]{0,80}>|`{3,9}\w{0,20})?[^\w`\"'\n]{0,6}?"
"""What may stand before a candidate: an indent, a quotation's mark, a bullet, a line's number, a tag, a fence; no word."""
_INDENTED_MARKER = re.compile(_MARGIN + r"(<{3,9} ?(SEARCH|HEAD|ORIGINAL)|>{3,9} ?(REPLACE|UPDATED))\b", re.MULTILINE)
_PROMPT = r"(?:In ?\[[ \d]{0,6}\] ?:[^\w`\"'\n]{0,6}?)?"
"""The prompt of a notebook or of IPython, the only one with a word."""
_DEF = r"(?:async\s{1,9})?def[\s\\]{1,20}(?P<name>\w{3})\s{0,9}\("
_STRAY = re.compile(
    _MARGIN + _PROMPT + r"(?:diff --git |@@(?: |$)|--- (?:a/|controller)|\+\+\+ |\*\*\* (?:Begin Patch|Update File|Add File)"
    rf"|{_DEF}|(?P<assigned>\w{{3}})\s{{0,9}}(?::[^=\n]{{0,80}})?=\s{{0,9}}\(?\s{{0,9}}lambda\b)",
    re.MULTILINE,
)
"""Where a second candidate begins; a function is one if its name comes to `act`, as Python reads names (NFKC)."""
_HEADER = _DEF + r"[^\n]{0,200}?\)[^:\n]{0,60}:"
_QUOTED = (
    re.compile(r"""(?:["']|\\n)[ \t]{0,9}""" + _HEADER + r"""[ \t]{0,9}\\{1,4}n\s{0,80}[^"'\s]"""),
    re.compile(r"""["']\w{1,40}["']\s{0,9}:\s{0,9}["']{1,3}\s{0,9}""" + _HEADER + r"""\s{0,80}[^"'.…\s]"""),
)
"""A function with a body in a string: one whose line feeds are escaped, or the value of a key. A header alone is quoted."""
_BESIDE = re.compile(r"""<[\w/!?]|(?!.*(?:\'{3}|"{3}))[A-Z]\w*+['’]?+\w*+[,.!:]?+ +[\w`(][^=]*+$""")
"""A line of markup or of prose, which begins no statement of Python."""
ADVICE = (
    "send one unified diff of controller.py, or SEARCH/REPLACE blocks, or one whole controller with"
    " `def act(observation, logits)`, in one code fence"
)


@dataclass(frozen=True, slots=True)
class Payload:
    """What an answer proposes.

    Args:
        kind: `diff` against the incumbent's controller, `edits` of it, or the whole `source`.
        body: the payload's text, unchecked; for edits, all their lines.
        edits: the SEARCH/REPLACE blocks.
    """

    kind: Literal["diff", "edits", "source"]
    body: str
    edits: tuple[Edit, ...] = ()


def read_reply(text: str) -> Payload:
    """Return the one payload of a model's answer.

    Raises:
        CandidateFault: layer "text": there is none, there are several, or there is any doubt.
    """
    if len(text) > REPLY_CAP:
        raise CandidateFault("text", f"the answer has {len(text)} characters, at most {REPLY_CAP} are read; {ADVICE}")
    if holds_edits(text):
        return _edits(text)
    # The byte layer reports a byte-order mark or a carriage return; here it must not hide the kind of payload.
    body = text
    if holds_fence(text):
        body, rest = fenced(text, ADVICE)
        _check_alone(rest, "the fenced block")
    if _DIFF_START.match(body.lstrip("\ufeff\r\n\t ")):
        return Payload("diff", body.lstrip("\n"))
    if not _SOURCE.search(body):
        raise CandidateFault("text", f"found neither a diff nor a controller; {ADVICE}")
    if _QUOTED_DIFF.search(body) or _MARKER.search(body):
        raise CandidateFault("text", f"a diff or a block stands inside the controller, so there are two candidates; {ADVICE}")
    for line in (body.strip().partition("\n")[0], body.strip().rpartition("\n")[2]):
        if _BESIDE.match(line):
            raise CandidateFault("text", f"{line[:60]!r} stands beside the controller and is no Python; {ADVICE}")
    return Payload("source", body if body.endswith("\n") else body + "\n")


def _edits(text: str) -> Payload:
    """Return an answer's SEARCH/REPLACE blocks; nothing else in it may be a candidate."""
    edits, rest = read_edits(text)
    if _INDENTED_MARKER.search(rest):
        raise CandidateFault("text", f"a marker of a block does not begin its line; {ADVICE}")
    _check_alone(rest, "the SEARCH/REPLACE blocks")
    return Payload("edits", "".join(line for edit in edits for line in (*edit.search, *edit.replace)), tuple(edits))


def _check_alone(rest: str, candidate: str) -> None:
    """Refuse an answer in which a second candidate stands in the text around the first."""
    rest = "\n".join(rest.splitlines())  # at every line end that an editor knows
    strays = (found["name"] or found["assigned"] or "act" for found in _STRAY.finditer(rest))
    quoted = (found["name"] for pattern in _QUOTED for found in pattern.finditer(rest))
    if any(normalize("NFKC", name) == "act" for name in (*strays, *quoted)) or _INDENTED_MARKER.search(rest):
        raise CandidateFault("text", f"a second candidate stands outside {candidate}; {ADVICE}")

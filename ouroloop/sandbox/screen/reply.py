"""From a model's whole answer to its one payload: a diff, SEARCH/REPLACE blocks or a controller, bare or fenced."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.edits import Edit, holds_edits, read_edits

REPLY_CAP = 200_000
"""Most characters of a model's answer; longer ones are refused unread."""

_FENCE = re.compile(r"`{3,6}+[ \t]*+([A-Za-z0-9_+-]*+)[ \t]*+(controller\.py)?+[ \t]*+")
_DIFF_START = re.compile(r"(diff --git |--- |Index: )")
_STRAY_DIFF = re.compile(r"^(diff --git |@@ -\d|\+\+\+ )", re.MULTILINE)
_SOURCE = re.compile(r"^\ufeff?def act *+\(", re.MULTILINE)
_QUOTED_DIFF = re.compile(
    r"""(^|\\n|["'])(diff --git |Index: |--- (a/|/|\\?["'])|\+\+\+ (b/|/|\\?["'])|GIT binary patch)""", re.MULTILINE
)
"""A diff in a string of a controller, with its line feeds escaped or not."""
_INDENTED_MARKER = re.compile(r"^[ \t>*-]{1,40}(<{4,9} ?SEARCH|>{4,9} ?REPLACE)", re.MULTILINE)
_INDENTED_SOURCE = re.compile(r"^[ \t]*+def act\(", re.MULTILINE)
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
    body = text if _FENCE.match(text.lstrip()) is None and "\n```" not in text else _fenced(text)
    start = body.lstrip("\ufeff\r\n\t ")
    if _DIFF_START.match(start):
        return Payload("diff", body.lstrip("\n"))
    if _SOURCE.search(body):
        if _QUOTED_DIFF.search(body):
            raise CandidateFault("text", f"a diff stands inside the controller, so there are two candidates; {ADVICE}")
        return Payload("source", body if body.endswith("\n") else body + "\n")
    raise CandidateFault("text", f"found neither a diff nor a controller; {ADVICE}")


def _edits(text: str) -> Payload:
    """Return an answer's SEARCH/REPLACE blocks; nothing else in it may be a candidate."""
    edits, rest = read_edits(text)
    if _INDENTED_MARKER.search(rest):
        raise CandidateFault("text", f"a marker of a block does not begin its line; {ADVICE}")
    if _STRAY_DIFF.search(rest) or _INDENTED_SOURCE.search(rest):
        raise CandidateFault("text", f"a second candidate stands outside the SEARCH/REPLACE blocks; {ADVICE}")
    return Payload("edits", "".join(line for edit in edits for line in (*edit.search, *edit.replace)), tuple(edits))


def _fenced(text: str) -> str:
    """Return the content of the one fenced block."""
    blocks: list[list[str]] = []
    outside: list[str] = []
    open_block: list[str] | None = None
    for line in text.split("\n"):
        if open_block is None and _FENCE.fullmatch(line.rstrip("\r")):
            open_block = []
        elif open_block is not None and line.rstrip() == "```":
            blocks.append(open_block)
            open_block = None
        else:
            (outside if open_block is None else open_block).append(line)
    if open_block is not None:
        raise CandidateFault("text", "a fenced block is not closed; end it with ``` on a line of its own")
    if len(blocks) != 1:
        raise CandidateFault("text", f"{len(blocks)} fenced blocks, expected exactly one; {ADVICE}")
    rest = "\n".join(outside)
    if _STRAY_DIFF.search(rest) or _SOURCE.search(rest):
        raise CandidateFault("text", f"a second candidate stands outside the fenced block; {ADVICE}")
    return "\n".join(blocks[0]) + "\n"

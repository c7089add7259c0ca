"""Boards out of what a model wrote, in whatever form it wrote them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import json5
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sight

UNKNOWN: Final = -1
"""The class of a cell that a reply does not tell."""
SURE: Final = 0.999
"""Probability of a class that a reply names."""
MOST: Final = 20_000
"""Characters of a reply that are looked at."""


@dataclass(frozen=True, slots=True)
class Replies:
    """How many boards were asked for, and how many replies had the asked form.

    Args:
        asked: boards.
        valid: replies that were JSON with the right number of rows of the right length. The others were repaired.
    """

    asked: int = 0
    valid: int = 0

    def plus(self, valid: NDArray[np.bool_]) -> Replies:
        """Return the counts after more replies: (B,) bool."""
        return Replies(self.asked + len(valid), self.valid + int(valid.sum()))


def read_reply(text: str, sight: Sight) -> tuple[NDArray[np.int64], bool]:
    """Return the classes that a reply gives the cells, and whether it has the asked form.

    Rows are taken from the JSON object if there is one, else from texts in quotes, else from lines that are all signs. Rows
    that are too long are cut; what is missing is `UNKNOWN`. Nothing raises.

    Returns:
        (side * side,) int64, and the validity.
    """
    text = text[:MOST]
    rows = _json_rows(text)
    valid = rows is not None and len(rows) == sight.side and all(len(row) == sight.side for row in rows)
    if rows is None:
        rows = _quoted(text, sight) or _lines(text, sight)
    classes = np.full((sight.side, sight.side), UNKNOWN, np.int64)
    for number, row in enumerate(rows[: sight.side]):
        signs = [sight.glyphs.find(sign) for sign in row[: sight.side]]
        classes[number, : len(signs)] = signs
    return classes.reshape(-1), valid and bool((classes != UNKNOWN).all())


def certainty(classes: NDArray[np.int64], kinds: int) -> NDArray[np.float32]:
    """Return the class probabilities of cells as a reply tells them: (..., C) to (..., C, kinds) float32.

    An unknown cell may be anything. The others are left a little doubt, so that contradictions can be mended.
    """
    known = classes[..., None] == np.arange(kinds)
    told = np.where(known, SURE, (1 - SURE) / (kinds - 1))
    return np.where(classes[..., None] == UNKNOWN, 1 / kinds, told).astype(np.float32)


def _json_rows(text: str) -> list[str] | None:
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        return None
    try:
        found = _loads(text[begin : end + 1])
    except (ValueError, RecursionError):
        return None
    rows = found.get("board") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
        return None
    return rows


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return json5.loads(text)  # takes single quotes, comments and commas too many, but a thousand times as long


def _quoted(text: str, sight: Sight) -> list[str]:
    return [row for row in re.findall(r'"([^"\n]+)(?:"|$)', text) if _signs(row, sight)]


def _lines(text: str, sight: Sight) -> list[str]:
    rows = ("".join(line.split()).strip("|") for line in text.splitlines())
    return [row for row in rows if _signs(row, sight)]


def _signs(row: Sequence[str], sight: Sight) -> bool:
    return bool(row) and all(sign in sight.glyphs for sign in row)

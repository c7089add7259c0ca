"""Mutated answers: what models and attackers write, with lines moved, quoted, doubled or cut, and text hidden in them."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path

from grammar import CHANGED, CORPUS, DIFF, EDIT

FORMS = [
    CHANGED,
    DIFF,
    EDIT,
    f"```python\n{CHANGED}```\n",
    f"So:\n\n```diff\n{DIFF}```\nDone.\n",
    f"controller.py\n```\n{EDIT}```\n",
    f"````python\n{CHANGED}````\n",
    f"Or:\n\n    def act(observation, logits):\n        return 1\n\n```python\n{CHANGED}```\n",
    f"*** Begin Patch\n*** Update File: controller.py\n@@\n{DIFF[DIFF.index('@@') :]}*** End Patch\n",
    f"<patch>\n{DIFF}</patch>\n",
    f"~~~python\n{CHANGED}~~~\n",
    f"diff --git a/controller.py b/controller.py\nindex 12345..abcde 100644\n{DIFF}",
    "X = [0]\nY = (X, 1)\nF = '%d'\n" + CHANGED,
]
PIECES = [
    "```",
    "````",
    "```diff",
    "```python",
    "~~~",
    "<<<<<<< SEARCH",
    "=======",
    ">>>>>>> REPLACE",
    "<<<<< SEARCH",
    "--- a/controller.py",
    "+++ b/controller.py",
    "--- a/x.py",
    "@@ -1,2 +1,2 @@",
    "@@ -1 +1 @@",
    "@@ -0,0 +1 @@",
    "@@ -2,999999 +2,0 @@",
    "@@@ -1 +1 @@@",
    "-a",
    "+b",
    " c",
    "",
    " ",
    "\\ No newline at end of file",
    "def act(observation, logits):",
    "    return 0",
    "import os",
    "X = [0]",
    "Y = X * 1",
    "F = '% s'",
    "toolkit.py",
    "*** Begin Patch",
    "*** Update File: controller.py",
    "old mode 100644",
    "rename to x",
    "GIT binary patch",
    "Index: x",
    "<pre>",
    "</file>",
    "Here it is:",
    "# coding: utf-7",
    "# nosec",
    '"""',
    "'''",
    "f'{x!r}'",
]
HIDDEN = [
    *"\x00\x07\x0b\x0c\r\x1b\x7f\x85\xad\u034f\u061c\u115f\u180b\u200b\u200d\u202e\u2028\u2066\u2800\u3164\ufe00\ufe0f\ufeff\uffa0",
    "\U000e0041",
    "\U000e0101",
    "\ud800",
    "\u0301" * 12,
    "⚠️",
    "é",
    "ﬁ",
    "а",
    "١",
    "\u00a0",
]
MARGINS = ["  ", "    ", "\t", "> ", "- ", "1. ", " 12 | ", "+", "-"]
LONGEST = 3000
"""Characters of a mutated answer, so that splices of splices do not grow without end."""


def answers(seed: int, folder: Path | None = None) -> Iterator[str]:
    """Yield mutated answers without end.

    Args:
        seed: of the generator.
        folder: more files to start from: controllers, or answers in a constant DIFF.
    """
    rng = random.Random(seed)
    files = [path for where in (CORPUS, folder) if where for path in sorted(where.glob("*.py"))]
    starts = FORMS + [text[:LONGEST] for path in files if (text := _text(path))]
    while True:
        text = rng.choice(FORMS if rng.random() < 0.5 else starts)
        for _ in range(rng.randint(1, 4)):
            text = _mutated(text, rng.choice(starts), rng)[:LONGEST]
        yield text


def _text(path: Path) -> str:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    carried = [line for line in text.split("\n") if line.startswith("DIFF = ")]
    return ast.literal_eval(carried[0].removeprefix("DIFF = ")) if carried else text


def _mutated(text: str, other: str, rng: random.Random) -> str:
    """Return a text after one change."""
    lines = text.split("\n")
    at, to = sorted((rng.randrange(len(lines)), rng.randrange(len(lines))))
    spot = rng.randint(0, len(text))
    match rng.randrange(11):
        case 0:
            lines.insert(at, rng.choice(PIECES))
        case 1:
            del lines[at : at + rng.randint(1, 3)]
        case 2:
            lines[at:to] = lines[at:to] * 2
        case 3:
            lines[at], lines[to] = lines[to], lines[at]
        case 4:
            lines[at : to + 1] = [rng.choice(MARGINS) + line for line in lines[at : to + 1]]
        case 5:
            lines[at] = rng.choice(PIECES)
        case 6:
            lines = (text[:spot] + rng.choice(HIDDEN) + text[spot:]).split("\n")
        case 7:
            lines = lines + other.split("\n") if rng.random() < 0.5 else other.split("\n") + lines
        case 8:
            lines = (text[:spot] + text[spot + rng.randint(1, 40) :]).split("\n")
        case 9:
            lines = text.replace("\n", "\r\n", rng.randint(1, 99)).split("\n")
        case _:
            lines = (text[:spot] + rng.choice(PIECES) + text[spot:]).split("\n")
    return "\n".join(lines)

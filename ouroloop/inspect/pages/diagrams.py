"""The diagrams of docs/pictures/: the round of a run, and the floors of the package.

`python -m ouroloop.inspect.pages.diagrams loop > docs/pictures/loop.svg` writes one, and `floors` the other, whose floors are
those of the contract in `pyproject.toml`. They have a ground of their own, so they can be read in light and in dark.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

PYPROJECT: Final = Path(__file__).parents[3] / "pyproject.toml"
PHASES: Final = (
    ("observe", "games, diagnosis"),
    ("decide", "a mode of the round"),
    ("propose", "designer, patcher"),
    ("screen", "bytes, AST, sandbox"),
    ("train", "GRPO, halving"),
    ("gate", "races on fresh seeds"),
    ("attribute", "whose gain it was"),
    ("watch", "fresh seeds again"),
)
"""The phases of a round, and what each consists of; the second half is drawn below the first, from the right."""
WIDE, HIGH, GAP, EDGE, BELOW = 190, 62, 40, 24, 70
"""Pixels of a phase's box, between two of them, around the picture, and between its rows."""
FLOOR, STEP = 44, 10
"""Pixels of a floor's height, and between two floors."""
STYLE: Final = (
    "text{font-family:system-ui,sans-serif;fill:#1d2125;text-anchor:middle}"
    ".name{font-size:16px;font-weight:600}.more{font-size:13px;fill:#555b63}"
    ".box{fill:#fff;stroke:#0f5b78;stroke-width:1.5}.way{fill:none;stroke:#555b63;stroke-width:1.5;marker-end:url(#tip)}"
    ".undo{stroke:#a8322a;stroke-dasharray:6 4}"
)
TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse">'
    '<path d="M0 0L10 5L0 10z" fill="#555b63"/></marker></defs>'
)


def loop() -> str:
    """Return the picture of a round."""
    half = len(PHASES) // 2
    places = [
        (EDGE + (WIDE + GAP) * (i if i < half else 2 * half - 1 - i), EDGE + (HIGH + BELOW) * (i // half)) for i in range(8)
    ]
    boxes = [_box(x, y, WIDE, HIGH, *words) for (x, y), words in zip(places, PHASES, strict=True)]
    ways = [_way(one, other) for one, other in pairwise([*places, places[0]])]
    gate, watch = places[5], places[7]
    under = gate[1] + HIGH
    ways.append(f'<path class="way" d="M{gate[0] + 60} {under}v22H{watch[0] + 130}v-20"/>')
    ways.append(_words((gate[0] + watch[0] + WIDE) // 2, under + 40, "more", "nothing shown better"))
    ways.append(f'<path class="way undo" d="M{watch[0] + 60} {watch[1]}v-{BELOW - 2}"/>')
    ways.append(_words(watch[0] + 28, watch[1] - 30, "more", "worse:"))
    ways.append(_words(watch[0] + 28, watch[1] - 14, "more", "undo"))
    ways.append(_words(gate[0] - GAP // 2, gate[1] - 14, "more", "better: committed"))
    width = 2 * EDGE + half * WIDE + (half - 1) * GAP
    return _picture(width, under + 56, "One round of a run, from observe to watch, and back", [*ways, *boxes])


def floors() -> str:
    """Return the picture of the package: who stands on whom."""
    contracts = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    parts = []
    width = 960
    for row, layer in enumerate(layers):
        names = [name.strip().removeprefix("ouroloop.") for name in layer.split("|")]
        wide = (width - 2 * EDGE - STEP * (len(names) - 1)) / len(names)
        y = EDGE + row * (FLOOR + STEP)
        parts += [_box(round(EDGE + i * (wide + STEP)), y, round(wide), FLOOR, name) for i, name in enumerate(names)]
    return _picture(width, 2 * EDGE + len(layers) * (FLOOR + STEP) - STEP, "The floors of the package", parts)


def _way(one: tuple[int, int], other: tuple[int, int]) -> str:
    """Return an arrow from a box to the next, which stands beside it or in the other row."""
    (x, y), (to, down) = one, other
    if y == down:
        start, end = (x + WIDE, to - 1) if to > x else (x, to + WIDE + 1)
        return f'<path class="way" d="M{start} {y + HIGH // 2}H{end}"/>'
    start, end = (y + HIGH, down - 1) if down > y else (y, down + HIGH + 1)
    return f'<path class="way" d="M{x + 130} {start}V{end}"/>'


def _box(x: int, y: int, wide: int, high: int, name: str, more: str = "") -> str:
    middle = x + wide // 2
    said = _words(middle, y + high // 2 + (-4 if more else 6), "name", name)
    said += _words(middle, y + high // 2 + 17, "more", more) if more else ""
    return f'<rect class="box" x="{x}" y="{y}" width="{wide}" height="{high}" rx="8"/>{said}'


def _words(x: int, y: int, kind: str, words: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'


def _picture(width: int, height: int, title: str, parts: list[str]) -> str:
    return "\n".join(_lines(width, height, title, parts)) + "\n"


def _lines(width: int, height: int, title: str, parts: list[str]) -> Iterator[str]:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    yield f"<title>{escape(title)}</title><style>{STYLE}</style>{TIP}"
    yield f'<rect width="{width}" height="{height}" rx="12" fill="#f4f6f7"/>'
    yield from parts
    yield "</svg>"


if __name__ == "__main__":
    print({"loop": loop, "floors": floors}[sys.argv[1]](), end="")  # noqa: T201  (the picture goes to stdout)

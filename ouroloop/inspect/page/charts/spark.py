"""A curve the size of a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from ouroloop.inspect.page.charts.svg import drawing, polyline, tag

WIDTH: Final = 120.0
HEIGHT: Final = 26.0
MOST: Final = 120
"""Points that are drawn; of more, only some."""


def spark(values: Sequence[float], title: str) -> Markup:
    """Return a curve of values; nothing for fewer than two."""
    if len(values) < 2:
        return Markup("")
    every = -(-len(values) // MOST)
    kept = [*values[::every], values[-1]]
    low, high = min(kept), max(kept)
    step = (WIDTH - 6) / (len(kept) - 1)
    places = [
        (3 + step * at, HEIGHT - 4 - (HEIGHT - 8) * (value - low) / ((high - low) or 1.0)) for at, value in enumerate(kept)
    ]
    end = tag("circle", cx=places[-1][0], cy=places[-1][1], r=2.5, class_="mark won")
    return drawing(WIDTH, HEIGHT, title, polyline(places, "curve"), end, class_="spark")

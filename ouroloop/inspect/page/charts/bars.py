"""Rows with a mean and its interval around zero: who earned a gain, and what arms of an ablation gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from ouroloop.inspect.page.charts.axes import Scale, foot_axis, padded
from ouroloop.inspect.page.charts.svg import drawing, line, link, tag, text

WIDTH: Final = 640.0
ROW: Final = 26.0
FOOT: Final = 24.0
LABEL: Final = 170.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A row.

    Args:
        name: what it is about.
        value: the mean.
        low: of the interval; None if there is none.
        high: likewise.
        href: its page.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    href: str | None = None


def intervals(rows: Sequence[Bar], title: str, id_: str = "intervals", *, signed: bool = True) -> Markup:
    """Return points with intervals, a row each: green if all of it is above zero, red if below, grey otherwise.

    Args:
        rows: at least one, or nothing is drawn.
        title: what is read aloud.
        id_: of the picture.
        signed: whether zero means something; otherwise all are grey.
    """
    if not rows:
        return Markup("")
    ends = [0.0, *(end for row in rows for end in (row.value, row.low, row.high) if end is not None)]
    x = Scale(*padded(min(ends), max(ends)), LABEL, WIDTH - 12)
    foot = 8 + ROW * len(rows)
    parts = [foot_axis(x, foot, top=4, count=6), line(x(0), 4, x(0), foot, "zero")]
    for place, row in enumerate(rows):
        y = 8 + ROW * (place + 0.5)
        state = "same"
        if signed and row.low is not None and row.high is not None:
            state = "won" if row.low > 0 else "lose" if row.high < 0 else "same"
        said = f"{row.name}: {row.value:+.4g}" + (
            "" if row.low is None or row.high is None else f" [{row.low:+.4g}, {row.high:+.4g}]"
        )
        shapes = [tag("title", said), text(LABEL - 10, y + 4, row.name[:26], "label", "end")]
        if row.low is not None and row.high is not None:
            shapes += [line(x(row.low), y, x(row.high), y, f"whisker {state}")]
            shapes += [line(x(end), y - 4, x(end), y + 4, f"whisker {state}") for end in (row.low, row.high)]
        shapes.append(tag("circle", cx=x(row.value), cy=y, r=4.5, class_=f"mark {state}"))
        parts.append(link(row.href, *shapes))
    return drawing(WIDTH, foot + FOOT, title, *parts, id_=id_)


def shares(rows: Sequence[Bar], title: str, id_: str = "shares", *, signed: bool = True) -> Markup:
    """Return bars from zero, a row each, such as the part of each term in a return; `signed` gives each value its sign."""
    if not rows:
        return Markup("")
    ends = [0.0, *(row.value for row in rows)]
    x = Scale(*padded(min(ends), max(ends)), LABEL, WIDTH - 60)
    foot = 8 + ROW * len(rows)
    parts = [line(x(0), 4, x(0), foot, "zero")]
    for place, row in enumerate(rows):
        y, left = 8 + ROW * place + 5, min(x(0), x(row.value))
        wide = max(1.0, abs(x(row.value) - x(0)))
        parts += [
            text(LABEL - 10, y + 12, row.name[:26], "label", "end"),
            tag("rect", x=left, y=y, width=wide, height=ROW - 10, class_="share up" if row.value >= 0 else "share down"),
            text(max(x(0), x(row.value)) + 6, y + 12, f"{row.value:+.3g}" if signed else f"{row.value:.3g}", "tick"),
        ]
    return drawing(WIDTH, foot + 6, title, *parts, id_=id_)

"""The evidence of a race as it grew: the capital of the bets against "not better", pair by pair, and the bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from ouroloop.inspect.page.charts.axes import Scale, foot_axis
from ouroloop.inspect.page.charts.svg import drawing, line, link, polyline, tag, text

WIDTH: Final = 960.0
HEIGHT: Final = 260.0
LEFT, RIGHT, TOP, FOOT = 58.0, 14.0, 16.0, 34.0
MOST_POINTS: Final = 400
"""Pairs that have a point of their own; of more, only some."""
FLOOR: Final = math.log(1e-4)


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of games.

    Args:
        number: its place in the race, from 1.
        log_e: the log capital after it.
        gain: the candidate's utility minus the incumbent's.
        href: where both games are played; None if nowhere.
    """

    number: int
    log_e: float
    gain: float
    href: str | None


def evidence(pairs: Sequence[Pair], bar: float, title: str) -> Markup:
    """Return the chart; each point is a pair, coloured by who did better, and leads to its games.

    Args:
        pairs: in the order of play.
        bar: log capital that accepts.
        title: what is read aloud.
    """
    if not pairs:
        return Markup("")
    values = [max(FLOOR, pair.log_e) for pair in pairs]
    low, high = min(0.0, *values), max(bar, *values)
    margin = 0.08 * (high - low) or 1.0
    x = Scale(0, len(pairs), LEFT, WIDTH - RIGHT)
    y = Scale(low - margin, high + margin, HEIGHT - FOOT, TOP)
    parts = [_powers(y), foot_axis(x, HEIGHT - FOOT, whole=True)]
    parts += [
        line(LEFT, y(bar), WIDTH - RIGHT, y(bar), "bar"),
        text(LEFT + 6, y(bar) - 5, f"accepted from {math.exp(bar):.4g} on", "barname"),
    ]
    parts.append(
        polyline([(x(0), y(0.0)), *((x(pair.number), y(value)) for pair, value in zip(pairs, values, strict=True))], "curve")
    )
    every = -(-len(pairs) // MOST_POINTS)
    for pair, value in zip(pairs, values, strict=True):
        if pair.number % every and pair.number != len(pairs):
            continue
        state = "won" if pair.gain > 0 else "lose" if pair.gain < 0 else "same"
        said = f"pair {pair.number}: {pair.gain:+.3f} utility, e-value {math.exp(min(value, 27.6)):.4g}"
        shapes = tag("title", said), tag("circle", cx=x(pair.number), cy=y(value), r=3.6, class_=f"mark {state}")
        parts.append(link(pair.href, *shapes))
    parts += [text(WIDTH - RIGHT, HEIGHT - 4, "pairs of games", "tick", "end"), text(4, TOP - 4, "e-value", "tick")]
    return drawing(WIDTH, HEIGHT, title, *parts, id_="evidence")


def _powers(y: Scale) -> Markup:
    """Return lines at powers of ten, fewer if there are many."""
    low, high = math.ceil(y.low / math.log(10)), math.floor(y.high / math.log(10))
    step = max(1, -(-(high - low + 1) // 7))
    parts = []
    for power in range(low - low % step, high + 1, step):
        at = y(power * math.log(10))
        name = f"{10.0**power:g}" if -4 < power < 5 else f"1e{power}"
        parts += [line(LEFT, at, WIDTH - RIGHT, at, "grid"), text(LEFT - 6, at + 3.5, name, "tick", "end")]
    return Markup("").join(parts)

"""The score after each round with its interval, and what was accepted, rolled back, rejected or lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from markupsafe import Markup

from ouroloop.inspect.page.charts.axes import Scale, foot_axis, padded, side_axis
from ouroloop.inspect.page.charts.svg import drawing, line, link, polyline, tag, text

WIDTH: Final = 960.0
HEIGHT: Final = 300.0
LEFT, RIGHT, TOP, FOOT = 46.0, 14.0, 14.0, 68.0
MOST_POINTS: Final = 240
"""From this many rounds on, only those in which something happened are marked."""
State = Literal["accepted", "rolled_back", "rejected", "lost", "none"]


@dataclass(frozen=True, slots=True)
class Point:
    """A state of the run.

    Args:
        round: its number; 0 for the start.
        mean: foods, or whatever the score counts; None if the state was not scored.
        low: of the 95 % interval.
        high: likewise.
        href: its page; None if it has none.
        said: what is told of it.
        accepted: candidates accepted in it that stand.
        rolled_back: candidates of it that were rolled back since.
        rejected: candidates rejected.
        lost: replies that yielded no candidate.
        by_hand: whether it is a rollback by hand.
    """

    round: float
    mean: float | None
    low: float | None
    high: float | None
    href: str | None
    said: str
    accepted: int = 0
    rolled_back: int = 0
    rejected: int = 0
    lost: int = 0
    by_hand: bool = False


def scores(points: Sequence[Point], title: str) -> Markup:
    """Return the chart: scores above, and below them a strip that tells what became of each round's candidates.

    Args:
        points: in order.
        title: what is read aloud.
    """
    seen = [point for point in points if point.mean is not None]
    if not seen:
        return Markup("")
    low = min(point.low if point.low is not None else 0.0 for point in seen)
    high = max(point.high if point.high is not None else 1.0 for point in seen)
    low, high = padded(min(low, 0.0) if low < 0.4 * high else low, high)
    last = max(point.round for point in points)
    x = Scale(-0.5, max(last, 1) + 0.5, LEFT, WIDTH - RIGHT)
    y = Scale(max(low, 0.0) if low > -0.1 * high else low, high, HEIGHT - FOOT, TOP)
    dense = len(points) > MOST_POINTS
    parts = [side_axis(y, LEFT, WIDTH - RIGHT), foot_axis(x, HEIGHT - 16, whole=True)]
    parts += [_band(seen, x, y), polyline([(x(p.round), y(p.mean or 0.0)) for p in seen], "curve")]
    parts += [_mark(point, x, y) for point in seen if not dense or point.accepted or point.rolled_back or point.by_hand]
    parts += [_strip(_binned(points), x)]
    parts.append(text(LEFT, HEIGHT - 2, "round", "tick"))
    return drawing(WIDTH, HEIGHT, title, *parts, id_="scores")


def _band(points: Sequence[Point], x: Scale, y: Scale) -> Markup:
    upper = [(x(p.round), y(p.high)) for p in points if p.high is not None]
    lower = [(x(p.round), y(p.low)) for p in points if p.low is not None]
    shape = " ".join(f"{a:.2f},{b:.2f}" for a, b in [*upper, *reversed(lower)])
    return tag("polygon", points=shape, class_="band")


def _mark(point: Point, x: Scale, y: Scale) -> Markup:
    """Return a state's mark, with its interval: filled if something was accepted, hollow if not, a cross if it was undone."""
    at, up = x(point.round), y(point.mean or 0.0)
    state = "back" if point.by_hand or point.rolled_back else "won" if point.accepted or point.round == 0 else "same"
    shapes = [tag("title", point.said)]
    if point.low is not None and point.high is not None:
        shapes.append(line(at, y(point.low), at, y(point.high), f"whisker {state}"))
    shapes.append(tag("circle", cx=at, cy=up, r=4.5, class_=f"mark {state}"))
    if state == "back":
        shapes += [line(at - 4, up - 4, at + 4, up + 4, "cross"), line(at - 4, up + 4, at + 4, up - 4, "cross")]
    return link(point.href, *shapes)


def _binned(points: Sequence[Point]) -> list[Point]:
    """Return the points, or at most so many as have marks: neighbours then stand together, with the page of the first."""
    every = -(-len(points) // MOST_POINTS)
    if every <= 1:
        return list(points)
    found = []
    for start in range(0, len(points), every):
        group = points[start : start + every]
        sums = {key: sum(getattr(one, key) for one in group) for key in ("accepted", "rolled_back", "rejected", "lost")}
        said = f"rounds {group[0].round:g} to {group[-1].round:g}: " + ", ".join(
            f"{n} {key.replace('_', ' ')}" for key, n in sums.items()
        )
        found.append(replace(group[0], said=said, **sums))
    return found


def _strip(points: Sequence[Point], x: Scale) -> Markup:
    """Return a row of stacked squares for each round: accepted, rolled back, rejected, lost."""
    wide = max(1.0, min(9.0, (WIDTH - LEFT - RIGHT) / max(len(points), 1) - 1))
    parts = []
    for point in points:
        top, shapes = HEIGHT - FOOT + 8, [tag("title", point.said)]
        counts = {"won": point.accepted, "back": point.rolled_back, "lose": point.rejected, "gone": point.lost}
        total = max(1, sum(counts.values()))
        high = min(7.0, 30.0 / total)
        for state, count in counts.items():
            if count:
                shapes.append(
                    tag(
                        "rect",
                        x=x(point.round) - wide / 2,
                        y=top,
                        width=wide,
                        height=max(1.2, high * count - 0.8),
                        class_=state,
                    )
                )
                top += high * count
        if len(shapes) > 1:
            parts.append(link(point.href, *shapes))
    return tag("g", *parts, class_="strip") if parts else Markup("")

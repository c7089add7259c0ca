"""The builds of a run as a line that grows: each acceptance is a step, and a rollback leads back to an earlier build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from ouroloop.inspect.page.charts.svg import drawing, link, tag, text

STEP: Final = 150.0
LANE: Final = 86.0
SIDE: Final = 64.0
TOP: Final = 52.0


@dataclass(frozen=True, slots=True)
class Node:
    """A build.

    Args:
        name: the candidate that made it; `start` for the first.
        said: what is told of it.
        score: its mean score as text; empty if it was not scored.
        href: the candidate's page.
        kind: what changed: `start`, `reward`, `patch`, `both`, or `rollback` for a build that a rollback made.
        stands: whether it is among the accepted states.
        now: whether it plays now.
        parent: the place of the build that it came from; None for the start.
    """

    name: str
    said: str
    score: str
    href: str | None
    kind: str
    stands: bool
    now: bool
    parent: int | None


def lineage(nodes: Sequence[Node], backs: Sequence[tuple[int, int]], title: str) -> Markup:
    """Return the graph.

    Args:
        nodes: the builds in the order in which they were made.
        backs: rollbacks, each from the build that played to the one that played then.
        title: what is read aloud.
    """
    if not nodes:
        return Markup("")
    lanes = [0 if node.stands else 1 for node in nodes]
    places = [(SIDE + STEP * at, TOP + LANE * lane) for at, lane in enumerate(lanes)]
    parts = [
        tag(
            "marker",
            tag("path", d="M0,0 L8,4 L0,8 z", class_="tip"),
            id_="arrow",
            viewBox="0 0 8 8",
            refX=7,
            refY=4,
            markerWidth=7,
            markerHeight=7,
            orient="auto-start-reverse",
        )
    ]
    parts += [_edge(places[node.parent], places[at]) for at, node in enumerate(nodes) if node.parent is not None]
    parts += [_back(places[a], places[b]) for a, b in backs if a != b]
    parts += [_node(node, *place) for node, place in zip(nodes, places, strict=True)]
    high = TOP + LANE * max(lanes) + 66
    return drawing(SIDE * 2 + STEP * (len(nodes) - 1), high, title, *parts, class_="chart graph", id_="lineage", grows=False)


def _edge(start: tuple[float, float], end: tuple[float, float]) -> Markup:
    (x1, y1), (x2, y2) = start, end
    middle = (x1 + x2) / 2
    return tag(
        "path",
        d=f"M{x1 + 20:.1f},{y1:.1f} C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2 - 21:.1f},{y2:.1f}",
        class_="edge",
        marker_end="url(#arrow)",
    )


def _back(start: tuple[float, float], end: tuple[float, float]) -> Markup:
    (x1, y1), (x2, y2) = start, end
    deep = max(y1, y2) + 58
    return tag(
        "path",
        d=f"M{x1:.1f},{y1 + 20:.1f} C{x1:.1f},{deep:.1f} {x2:.1f},{deep:.1f} {x2:.1f},{y2 + 21:.1f}",
        class_="undo",
        marker_end="url(#arrow)",
    )


def _node(node: Node, x: float, y: float) -> Markup:
    state = "now" if node.now else "won" if node.stands else "back"
    sign = {"start": "●", "reward": "R", "patch": "P", "both": "R+P", "rollback": "↺"}.get(node.kind, "?")
    shapes = [
        tag("title", node.said),
        tag("circle", cx=x, cy=y, r=19, class_=f"build {state}"),
        text(x, y + 4.5, sign, "sign", "middle"),
        text(x, y - 27, node.name[:18], "label", "middle"),
    ]
    if node.score:
        shapes.append(text(x, y + 36, node.score, "tick", "middle"))
    return link(node.href, *shapes)

"""SVG elements as markup: names and attributes are ours, every text is escaped."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from markupsafe import Markup, escape

from ouroloop.protocols.text import plain, plain_line

Value: TypeAlias = str | float | None
"""An attribute: None leaves it out, a number gets at most two decimals."""


def tag(name: str, *children: object, **attributes: Value) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: elements, or texts to escape.
        attributes: `class_` is `class`, and other underscores are hyphens.
    """
    given = "".join(
        f' {_spelled(key)}="{escape(plain(value)) if isinstance(value, str) else shown(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(child if isinstance(child, Markup) else escape(plain(str(child))) for child in children)
    whole = f"<{name}{given}>{inner}</{name}>" if children else f"<{name}{given}/>"
    return Markup(whole)  # noqa: S704  (names are ours, and all the rest was escaped above)


@cache
def _spelled(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def drawing(
    width: float,
    height: float,
    title: str,
    *children: Markup,
    class_: str = "chart",
    id_: str | None = None,
    grows: bool = True,
) -> Markup:
    """Return a whole picture; its title is read aloud. It is as wide as its place, unless it is not to grow.

    A picture with links is a group of them, since what lies in an image is not read.
    """
    linked = any("<a " in child for child in children)
    return tag(
        "svg",
        tag("title", plain_line(title)),
        *children,
        class_=class_,
        id_=id_,
        role="group" if linked else "img",
        aria_label=plain_line(title),
        width=None if grows else width,
        height=None if grows else height,
        viewBox=f"0 0 {shown(width)} {shown(height)}",
        xmlns="http://www.w3.org/2000/svg",
    )


def link(href: str | None, *children: Markup, class_: str | None = None) -> Markup:
    """Return children that lead somewhere; without an address they are only grouped."""
    return tag("g", *children, class_=class_) if href is None else tag("a", *children, href=href, class_=class_)


def text(x: float, y: float, said: str, class_: str = "", anchor: str = "start") -> Markup:
    """Return a text whose baseline begins, ends or is centred at a place."""
    return tag("text", plain_line(said, 200), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def polyline(points: list[tuple[float, float]], class_: str) -> Markup:
    """Return lines through points."""
    return tag("polyline", points=" ".join(f"{shown(x)},{shown(y)}" for x, y in points), class_=class_)


def shown(value: Value) -> str:
    """Return an attribute's value as text."""
    return value if isinstance(value, str) else f"{value or 0:.2f}".rstrip("0").rstrip(".")

"""From a view's data to HTML: one Jinja2 environment, in which every text from outside is escaped and stripped of controls."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from ouroloop.inspect.page.addresses import Addresses, Place
from ouroloop.protocols.text import counted, plain, plain_line

STATIC: Final = ("page.css", "page.js", "player.js")
MOST: Final = 200_000
"""The most characters of a text that are shown at once."""
STATES: Final = {"start": "open", "pending": "open", "accepted": "won", "rejected": "lose", "rolled_back": "back"}
"""What became of a candidate -> the class of its colour."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page before it is drawn.

    Args:
        template: the file in `templates/`.
        title: of the page.
        data: what the template shows.
        crumbs: the pages above it, each with its name and its place.
        run: the run that it belongs to; empty for none.
        tab: which of the run's tabs it is under.
        watch: whether it changes while the run goes on.
        status: of the answer that holds it.
    """

    template: str
    title: str
    data: Mapping[str, Any]
    crumbs: tuple[tuple[str, Place], ...] = ()
    run: str = ""
    tab: str = ""
    watch: bool = False
    status: int = 200


def html(page: Page, addresses: Addresses) -> str:
    """Return a page as a whole HTML document."""
    return _environment().get_template(page.template).render(**_context(page, addresses), frame="frame.html")


def section(page: Page, addresses: Addresses, anchor: str) -> str:
    """Return a page's main part alone, whose ids begin with an anchor, so that parts can stand in one document.

    No text from outside can look like one of these attributes: its quotes are escaped.
    """
    text = _environment().get_template(page.template).render(**_context(page, addresses), frame="bare.html")
    parts = re.split(r"(<script.*?</script>)", text, flags=re.DOTALL)  # games are JSON, in which quotes are not escaped
    return "".join(_anchored(part, anchor) if number % 2 == 0 else _named(part, anchor) for number, part in enumerate(parts))


def _anchored(text: str, anchor: str) -> str:
    named = re.sub(r'( id| data-film| aria-labelledby| data-filter| data-for)="([^"]+)"', rf'\1="{anchor}-\2"', text)
    return named.replace('="url(#', f'="url(#{anchor}-')


def _named(script: str, anchor: str) -> str:
    """Return a script of data with an id of its own."""
    return re.sub(r'^(<script[^>]* id)="([^"]+)"', rf'\1="{anchor}-\2"', script)


def whole(template: str, addresses: Addresses, **data: object) -> str:
    """Return a template of its own, such as the frame of a report."""
    return _environment().get_template(template).render(to=addresses.to, addresses=addresses, **data)


def static(name: str) -> str:
    """Return a file of `static/`."""
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")


@cache
def static_hash(name: str) -> str:
    """Return the first digits of a file's hash, so that a browser takes a new one when it changes."""
    return hashlib.sha256(static(name).encode()).hexdigest()[:12]


def _context(page: Page, addresses: Addresses) -> dict[str, Any]:
    return {
        **page.data,
        "page": page,
        "to": addresses.to,
        "addresses": addresses,
        "css": f"{addresses.static('page.css')}?{static_hash('page.css')}" if addresses.live else addresses.static("page.css"),
        "js": f"{addresses.static('page.js')}?{static_hash('page.js')}" if addresses.live else addresses.static("page.js"),
        "player": f"{addresses.static('player.js')}?{static_hash('player.js')}"
        if addresses.live
        else addresses.static("player.js"),
    }


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("ouroloop.inspect.page", "templates"),
        autoescape=select_autoescape(default=True, disabled_extensions=("md",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {
        "line": plain_line,
        "block": block,
        "signed": signed,
        "figure": figure,
        "percent": lambda value: "" if value is None else f"{value:.1%}",
        "seconds": seconds,
        "money": lambda value: f"${value:,.4f}" if value < 1 else f"${value:,.2f}",
        "whole": lambda value: f"{value:,.0f}",
        "short": lambda digest: plain_line(str(digest))[:10],
        "mark": mark,
        "fenced": fenced,
        "stamp": stamp,
        "state": STATES.__getitem__,
    }
    made.globals |= {"counted": counted}
    return made


def _shown(value: object) -> object:
    """Return what a template prints: texts without hidden characters; markup is ours already."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def block(text: object) -> Markup:
    """Return a text of several lines, cut where it is too long to be shown."""
    shown = plain(str(text))
    if len(shown) <= MOST:
        return escape(shown)
    return escape(shown[:MOST]) + Markup('<em class="cut">... {} more characters</em>').format(len(shown) - MOST)


def signed(value: float | None, places: int = 3) -> str:
    """Return a number with its sign."""
    return "" if value is None else f"{value:+z.{places}f}"


def figure(value: float | None, digits: int = 4) -> str:
    """Return a number with a few digits that count."""
    return "" if value is None else f"{value:.{digits}g}"


def seconds(value: float) -> str:
    """Return a time in the units that people use."""
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def mark(text: object) -> str:
    """Return a text as one line of Markdown that is text and nothing else, also in a cell of a table: as code.

    Escapes would not keep addresses and names after an `@` from becoming links.
    """
    line = plain_line(str(text)).strip()
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}".replace("|", "\\|")


def fenced(lines: Sequence[tuple[str, str]]) -> str:
    """Return a diff as a block of Markdown, in a fence that is longer than any in it."""
    text = "\n".join(line for _, line in lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}diff\n{text}\n{fence}"


def stamp(at: float | None) -> str:
    """Return a time as date and minute, in this machine's time zone."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))

"""Addresses of pages: on the server, in a site of files, and within one file. Views name a page by its parts alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote, urlencode

MOST_PART: Final = 100
"""Characters of a name in a path, at most; a longer one is cut, and its hash tells it apart."""
Place: TypeAlias = tuple[str, ...]
"""A page by its parts, e.g. `("runs", "quickstart-001", "candidates", "r1-patch1")`; the list of runs is `()`."""


class Addresses(Protocol):
    """Says where pages lie, seen from one of them."""

    def to(self, *place: str | int, **query: str | int | None) -> str | None:
        """Return the address of a page; None if there is no such page here. A query of None is left out."""
        ...

    def static(self, name: str) -> str:
        """Return the address of a file of `static/`."""
        ...

    @property
    def live(self) -> bool:
        """Whether a server answers, so that things can be changed, asked for and followed."""
        ...


@dataclass(frozen=True, slots=True)
class OnServer:
    """Addresses on the server.

    Args:
        prefix: what every address begins with.
        live: whether a server answers.
    """

    prefix: str = ""
    live: bool = True

    def to(self, *place: str | int, **query: str | int | None) -> str | None:
        """Return an absolute path; None for a part that no address can hold, such as an id from outside with a slash."""
        if any("/" in str(part) for part in place):
            return None
        given = urlencode({key: value for key, value in query.items() if value is not None}) if query else ""
        path = "/".join(quote(part, safe="") if isinstance(part, str) else str(part) for part in place)
        return f"{self.prefix}/{path}" + (f"?{given}" if given else "")

    def static(self, name: str) -> str:
        """Return the path of a file."""
        return f"{self.prefix}/static/{name}"


@dataclass(frozen=True, slots=True)
class InFiles:
    """Addresses in a site of plain files, relative to a page, so that it can lie anywhere.

    Args:
        here: the page that holds the links.
        known: the pages that the site has.
    """

    here: Place
    known: Collection[Place]
    live: bool = False

    def to(self, *place: str | int, **query: str | int | None) -> str | None:
        """Return a relative path. A page that depends on a query is not in a site."""
        parts = tuple(map(str, place))
        if parts not in self.known or any(value is not None for value in query.values()):
            return None
        return quote("../" * (file_of(self.here).count("/")) + file_of(parts))

    def static(self, name: str) -> str:
        """Return the relative path of a file."""
        return "../" * file_of(self.here).count("/") + f"static/{name}"


@dataclass(frozen=True, slots=True)
class InOneFile:
    """Addresses within one file, whose pages are sections.

    Args:
        known: the pages that it has.
    """

    known: Collection[Place]
    live: bool = False

    def to(self, *place: str | int, **query: str | int | None) -> str | None:
        """Return the anchor of a section."""
        parts = tuple(map(str, place))
        return (
            f"#{anchor_of(parts)}" if parts in self.known and not any(value is not None for value in query.values()) else None
        )

    def static(self, name: str) -> str:
        """Return nothing: one file holds its styles and scripts itself."""
        return ""


def file_of(place: Place) -> str:
    """Return the file of a page in a site: `runs/quickstart-001/index.html`."""
    return "/".join([*(_plain(part) for part in place), "index.html"])


def anchor_of(place: Place) -> str:
    """Return the anchor of a page in one file."""
    return "/".join(["p", *(_plain(part) for part in place)])


def _plain(part: str) -> str:
    """Return a part of a place as a name that every file system and host takes, and that leads nowhere else."""
    kept = re.sub(r"[^A-Za-z0-9.~-]", lambda found: f"_{ord(found[0]):x}_", part)
    if len(kept) > MOST_PART:
        kept = f"{kept[:40]}_{hashlib.sha256(part.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
    return f"_{kept}" if kept.startswith(".") or not kept else kept

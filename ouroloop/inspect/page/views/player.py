"""What stands around the player of games: the choice of what decides the moves, and the files to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from ouroloop.policy.saliency.names import TITLES
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ouroloop.inspect.page.addresses import Addresses, Place
    from ouroloop.inspect.page.games.film import Form, Game
    from ouroloop.inspect.page.games.films import Film

NONE: Final = "none"
"""Stands in an address for games that are played without a look at what decides their moves."""
FORMS: Final[dict[str, tuple[Form, str]]] = {"gif": ("gif", "image/gif"), "mp4": ("mp4", "video/mp4")}
"""The ending of a file -> what is made of a game, and its media type."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Games that are shown, or could be.

    Args:
        game: what is played; None if nothing can be.
        film: the film of it; None if it was not played yet.
        asked: how to find what decides the moves, as the address has it: one of `TITLES`, `NONE`, or empty.
    """

    game: Game | None = None
    film: Film | None = None
    asked: str = ""

    @property
    def saliency(self) -> str:
        """The method, or empty for none."""
        return method(self.asked)


def method(asked: str) -> str:
    """Return the method that an address asks for; empty for none. Raises UsageError if it is not known."""
    if asked not in ("", NONE, *TITLES):
        raise UsageError(f"saliency {plain_line(asked, 40)!r} is not known: choose one of {', '.join(TITLES)}, or {NONE}")
    return "" if asked == NONE else asked


def data_of(shown: Shown, film_id: str, addresses: Addresses, here: Place, query: Mapping[str, str | int]) -> dict[str, Any]:
    """Return what the template of a player needs.

    Args:
        shown: the games.
        film_id: the id of the film's element.
        addresses: where links lead.
        here: the page that shows the games.
        query: what names the games in its address, besides the saliency.
    """
    film, game = shown.film, shown.game
    if film is None or game is None:
        return {"film": None, "film_id": film_id, "saliency": shown.saliency, "method": TITLES.get(shown.saliency, "")}
    lenses = [(title, key, addresses.to(*here, **query, saliency=key)) for key, title in ((NONE, "not shown"), *TITLES.items())]
    files = [
        (name, [(form, addresses.to(*here, f"{who}.{form}", **query, saliency=shown.saliency or None)) for form in FORMS])
        for who, (name, _) in enumerate(game.players)
    ]
    return {
        "film": Markup(film.json),  # noqa: S704  (escaped by `embedded`)
        "film_id": film_id,
        "lit": film.lit,
        "saliency": shown.saliency,
        "method": TITLES.get(shown.saliency, ""),
        "lenses": [(title, where, key == (shown.saliency or NONE)) for title, key, where in lenses],
        "files": files,
    }

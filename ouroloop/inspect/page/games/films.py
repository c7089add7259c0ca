"""What was made of games last, and the making of what a user asks for."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ouroloop.inspect.page.games.film import Asked, Form, Game
from ouroloop.inspect.page.games.replaying import replayed
from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

KEPT_BYTES: Final = 24 << 20
PATIENCE_S: Final = 240.0
"""How long a request waits for games that others have asked for."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film of a game.

    Args:
        json: for the script of the page.
        utilities: of each player.
        lit: what is shown of what decided the moves, a sentence per player; empty if nobody asked.
    """

    json: str
    utilities: tuple[float, ...]
    lit: tuple[str, ...] = ()


class Films:
    """Keeps films and files by what they show, and plays for one request at a time."""

    def __init__(self, play: Callable[[Asked], Sequence[str | bytes]] = replayed, most: int = KEPT_BYTES) -> None:
        """Begin with none.

        Args:
            play: plays games again.
            most: bytes that are kept.
        """
        self._play, self._most, self._kept = play, most, OrderedDict[Asked, Film | bytes]()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def kept(self, folder: Path, game: Game, saliency: str = "") -> Film | None:
        """Return a film if it is there; see `Asked`."""
        found = self._found(Asked(folder, (game,), saliency))
        return found if isinstance(found, Film) else None

    def make(self, folder: Path, games: Sequence[Game], saliency: str = "") -> None:
        """Make the films that are not there, all of one run; see `Asked`.

        Raises:
            OuroloopError: the games cannot be played.
        """
        with self._my_turn():
            missing = tuple(game for game in dict.fromkeys(games) if self.kept(folder, game, saliency) is None)
            if not missing:
                return
            asked = Asked(folder, missing, saliency)
            for game, text in zip(missing, self._play(asked), strict=True):
                self._keep(replace(asked, games=(game,)), _film(str(text)))

    def file(self, folder: Path, game: Game, form: Form, saliency: str = "") -> bytes:
        """Return the first player's game as a file, which is made if it is not there; see `Asked`.

        Raises:
            OuroloopError: the game cannot be played, or the file cannot be made.
        """
        asked = Asked(folder, (replace(game, players=game.players[:1]),), saliency, form)
        with self._my_turn():
            found = self._found(asked)
            if isinstance(found, bytes):
                return found
            (made,) = self._play(asked)
            data = made.encode() if isinstance(made, str) else made
            self._keep(asked, data)
            return data

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=PATIENCE_S):
            raise SurroundingsError("other games are being played: try again in a moment")
        try:
            yield
        finally:
            self._turn.release()

    def _found(self, asked: Asked) -> Film | bytes | None:
        with self._lock:
            if (found := self._kept.get(asked)) is not None:
                self._kept.move_to_end(asked)
            return found

    def _keep(self, asked: Asked, made: Film | bytes) -> None:
        with self._lock:
            self._kept[asked] = made
            while sum(map(_size, self._kept.values())) > self._most and len(self._kept) > 1:
                self._kept.popitem(last=False)


def _size(made: Film | bytes) -> int:
    return len(made.json) if isinstance(made, Film) else len(made)


def _film(text: str) -> Film:
    games = json.loads(text)["games"]
    lit = tuple(said for game in games if (said := _lit(game)))
    return Film(text, tuple(float(game["utility"]) for game in games), lit)


def _lit(game: dict[str, object]) -> str:
    """Return what a film shows of what decided the moves of a game, in a sentence."""
    if "unlit" in game:
        return str(game["unlit"])
    if not isinstance(lit := game.get("lit"), list):
        return ""
    first, count = lit
    if first == 0:
        return f"{game['name']}: by {game['lens']}, for every move."
    return f"{game['name']}: by {game['lens']}, for the last {count} moves; before step {first} it would take too long."

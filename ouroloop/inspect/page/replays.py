"""Requests about games: pairs of a race, any other game of a run, and files of them.

Playing runs a candidate's code, in a sandbox. So a request that plays must come from this page, or from a user who typed the
address: not from another site, and not ahead of a click.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from starlette.responses import Response

from ouroloop.inspect.page.games.builds import game_of
from ouroloop.inspect.page.games.film import Game
from ouroloop.inspect.page.views.games import Wanted, game_wanted, games_page, wanted
from ouroloop.inspect.page.views.pair import pair_of, pair_page
from ouroloop.inspect.page.views.player import FORMS, Shown, method
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.requests import Request

    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.games.films import Films
    from ouroloop.inspect.page.reading import Opened
    from ouroloop.inspect.page.rendering import Page


class Replays:
    """The views and files of games.

    Args:
        opened: gives a run by its name on the page.
        films: plays games again.
        addresses: where links lead.
    """

    def __init__(self, opened: Callable[[str], AbstractContextManager[Opened]], films: Films, addresses: Addresses) -> None:
        """Play nothing yet."""
        self._opened, self.films, self._addresses = opened, films, addresses

    def pair(self, run: str, id: str, number: int, asked: str = "", why: str = "", *, play: bool = False) -> Page:
        """Return a pair of games.

        Args:
            run: the run's name on the page.
            id: the candidate.
            number: of the pair.
            asked: the saliency that the address asks for.
            why: why the games could not be played.
            play: play them if they were not yet.
        """
        saliency = method(asked)
        if play and asked:
            try:
                self.play_pair(run, id, number, asked)
            except OuroloopError as error:
                why = str(error)
        with self._opened(run) as opened:
            pair, _, _ = pair_of(opened, id, number)
            try:
                game = game_of(opened, id, pair)
            except OuroloopError:  # asking for the games says why
                game = None
            film = None if game is None else self.films.kept(opened.folder, game, saliency)
            return pair_page(run, opened, self._addresses, id, number, Shown(game, film, asked), why)

    def play_pair(self, run: str, id: str, number: int, asked: str = "") -> None:
        """Play a pair of games again, unless that was done. Raises OuroloopError if it cannot be."""
        game, folder = self._pair(run, id, number)
        self.films.make(folder, [game], method(asked))

    def _pair(self, run: str, id: str, number: int) -> tuple[Game, Path]:
        with self._opened(run) as opened:
            pair, _, _ = pair_of(opened, id, number)
            return game_of(opened, id, pair), opened.folder

    def games(self, run: str, given: Mapping[str, str], *, play: bool = False) -> Page:
        """Return the page on which any game is played.

        Args:
            run: the run's name on the page.
            given: the query of the address.
            play: whether a game may be played now.
        """
        asked, game, film, why = wanted(given), None, None, ""
        if asked.play:
            try:
                game, folder = self._game(run, asked)
                if play:
                    self.films.make(folder, [game], method(asked.saliency))
                film = self.films.kept(folder, game, method(asked.saliency))
            except OuroloopError as error:
                why = str(error)
        with self._opened(run) as opened:
            return games_page(run, opened, self._addresses, asked, Shown(game, film, "" if why else asked.saliency), why)

    def _game(self, run: str, asked: Wanted) -> tuple[Game, Path]:
        with self._opened(run) as opened:
            return game_wanted(opened, asked), opened.folder

    def pair_file(self, run: str, id: str, number: int, who: int, form: str, asked: str = "") -> Response:
        """Return one game of a pair as a file; see `_file`."""
        game, folder = self._pair(run, id, number)
        return self._file(folder, game, who, form, asked)

    def game_file(self, run: str, given: Mapping[str, str], who: int, form: str) -> Response:
        """Return one of the games that a query asks for as a file; see `_file`."""
        asked = wanted(given)
        game, folder = self._game(run, asked)
        return self._file(folder, game, who, form, asked.saliency)

    def _file(self, folder: Path, game: Game, who: int, form: str, asked: str) -> Response:
        """Return a player's game as a file to keep.

        Raises:
            UsageError: there is no such player or form.
            OuroloopError: the game cannot be played, or the file cannot be made.
        """
        if form not in FORMS or not 0 <= who < len(game.players):
            raise UsageError(f"no game is at {who}.{plain_line(form, 10)}: there are {', '.join(FORMS)}")
        kind, media = FORMS[form]
        data = self.films.file(folder, Game(game.seed, (game.players[who],)), kind, method(asked))
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{game.players[who][0]}-{game.seed}")[:80]
        return Response(data, media_type=media, headers={"content-disposition": f'attachment; filename="{name}.{form}"'})


def asks(request: Request) -> bool:
    """Tell whether a user asks: by this page or by typing the address, and not a browser ahead of a click or another site."""
    if request.headers.get("sec-purpose", "") or request.headers.get("purpose", ""):
        return False
    return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")

"""Any game of a run: one chooses who plays, alone or beside another, and which game, and sees it played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ouroloop.inspect.candidate.games import watching
from ouroloop.inspect.page.games.builds import choices, chosen, playable
from ouroloop.inspect.page.games.film import Game
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.player import Shown, data_of, method
from ouroloop.policy.saliency.names import TITLES
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.seeds import MASK, STREAM_LENGTH, game_seeds
from ouroloop.protocols.text import plain_line
from ouroloop.runs import seeds
from ouroloop.runs.seeds import stream_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.games.builds import Choice
    from ouroloop.inspect.page.reading import Opened
    from ouroloop.protocols.records import SeedRange

OWN: Final = "seed"
"""A game by its own seed, not by its number in a stream."""
STREAMS: Final = {
    OWN: "by its own seed",
    "gate": "of the gate, by number",
    "watch": "of the watch, by number",
    "search": "of the search, by number",
    "attribution": "of attributions, by number",
}
"""How a game is named -> that in words. Streams are those of `protocols.seeds` in which a run plays whole games."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an address asks for: who plays, beside whom, which game, what to look at, and whether to play now."""

    build: str = ""
    against: str = ""
    stream: str = OWN
    number: str = ""
    saliency: str = ""
    play: bool = False

    @property
    def query(self) -> dict[str, str | int]:
        """What names the game in an address."""
        found = {"build": self.build, "against": self.against, "stream": self.stream, "number": self.number}
        return {key: value for key, value in found.items() if value} | {"play": 1}


@dataclass(frozen=True, slots=True)
class Example:
    """Games that a run has played: what for, and which."""

    what: str
    stream: str
    first: int
    last: int


def wanted(given: Mapping[str, str]) -> Wanted:
    """Return what a query asks for."""
    texts = {key: given.get(key, "").strip() for key in ("build", "against", "stream", "number", "saliency")}
    against = "" if texts["against"] == texts["build"] else texts["against"]
    return Wanted(**texts | {"against": against, "stream": texts["stream"] or OWN}, play=bool(given.get("play")))


def game_wanted(opened: Opened, asked: Wanted) -> Game:
    """Return the game that is asked for.

    Raises:
        UsageError: a part of it is not known, or the run's games cannot be played again.
        LedgerError: the run has no start.
    """
    playable(opened)
    method(asked.saliency)
    number = _number(asked)
    players = [chosen(opened, name) for name in (asked.build, asked.against) if name]
    if not players:
        raise UsageError("nobody is to play: choose a player")
    seed = number
    if asked.stream != OWN:
        seed = game_seeds(stream_seed(opened.report.recipe, opened.report.ledger), asked.stream, number, 1)[0]
    return Game(seed, tuple((one.called, one.build) for one in players))


def _number(asked: Wanted) -> int:
    """Return the number of a game, or its seed. Raises UsageError if there is no such game."""
    if asked.stream not in STREAMS:
        raise UsageError(f"no games are called {plain_line(asked.stream, 40)!r}: choose one of {', '.join(STREAMS)}")
    most = MASK if asked.stream == OWN else STREAM_LENGTH - 1
    text = asked.number
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= most):
        raise UsageError(f"{plain_line(text, 40)!r} names no game: give a whole number from 0 to {most}")
    return int(text)


def games_page(name: str, opened: Opened, addresses: Addresses, asked: Wanted, shown: Shown, why: str = "") -> Page:
    """Return the page on which any game is played.

    Args:
        name: the run's name on the page.
        opened: the run.
        addresses: for the links beside the game.
        asked: what the address asks for.
        shown: the game, if it was played.
        why: why it could not be; empty if nobody has asked.
    """
    listed = choices(opened)
    if asked.build in opened.outline.candidates and asked.build not in {one.name for one in listed}:
        listed += _named(opened, asked.build)
    why = why or _unknown(opened, asked)
    here, game = ("runs", name, "games"), shown.game
    data = {
        "run": name,
        "choices": listed,
        "streams": STREAMS,
        "methods": TITLES,
        "asked": asked,
        "game": game,
        "utilities": () if shown.film is None else shown.film.utilities,
        "why": why,
        "examples": list(examples(opened)),
        "steps": _steps(addresses, here, asked) if shown.film else (),
        "commands": [] if game is None else [watching(opened.report, build, [game.seed]) for _, build in game.players],
        **data_of(shown, "film-game", addresses, here, asked.query),
    }
    crumbs = (("Runs", ()), (name, ("runs", name)))
    return Page("games.html", "Games", data, crumbs, run=name, tab="games", status=400 if why and asked.play else 200)


def _unknown(opened: Opened, asked: Wanted) -> str:
    """Return why a build that the address names cannot play; empty if it can, or none is named."""
    try:
        for name in (asked.build, asked.against):
            if name:
                chosen(opened, name)
    except UsageError as error:
        return str(error)
    return ""


def _named(opened: Opened, id: str) -> list[Choice]:
    """Return a candidate that the list has no room for; nothing if it cannot play."""
    try:
        return [chosen(opened, id)]
    except UsageError:
        return []


def _steps(addresses: Addresses, here: tuple[str, ...], asked: Wanted) -> tuple[tuple[str, str | None], ...]:
    """Return links to the games before and after one of a stream."""
    if asked.stream == OWN:
        return ()
    number, more = int(asked.number), {"saliency": asked.saliency or None}
    near = [at for at in (number - 1, number + 1) if 0 <= at < STREAM_LENGTH]
    return tuple(
        (f"← game {at}" if at < number else f"game {at} →", addresses.to(*here, **asked.query | {"number": at}, **more))
        for at in near
    )


def examples(opened: Opened) -> Iterator[Example]:
    """Yield which games of the streams the run has played last, as far as it got."""
    outline, settings = opened.outline, opened.outline.recipe.gate
    last = max(outline.rounds, default=0)
    if outline.stakes:
        yield _example(f"the last of {len(outline.stakes)} races", outline.stakes[-1].seeds)
    if last:
        entry = outline.rounds[last]
        yield _example(f"round {last}, what its incumbent was observed in", seeds.observation(settings, last))
        if entry.shares is not None:
            yield _example(f"round {last}, whose gain it is", seeds.attribution(settings, last))
        if entry.measures is not None:
            yield _example(f"round {last}, its score", seeds.watching(settings, last, again=False))


def _example(what: str, games: SeedRange) -> Example:
    return Example(what, games.stream, games.first, games.first + games.count - 1)

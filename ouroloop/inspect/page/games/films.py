"""The films that were made last, and the making of one that a user asks for."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ouroloop.envs.registry import installed_games
from ouroloop.inspect.page.games.film import Asked, Game
from ouroloop.inspect.page.games.replaying import replayed
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.records import Build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ouroloop.inspect.candidate.games import PairTold
    from ouroloop.inspect.page.reading import Opened

KEPT_BYTES: Final = 24 << 20
AT_ONCE: Final = 1
Key: TypeAlias = tuple[str, str, int]
"""Run directory, candidate, pair."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film of a pair.

    Args:
        json: for the script of the page.
        differs: what is wrong if the games did not end as the run has recorded; empty if they did.
    """

    json: str
    differs: str


class Films:
    """Keeps films, and makes one at a time."""

    def __init__(self, play: Callable[[Asked], Sequence[str]] = replayed, most: int = KEPT_BYTES) -> None:
        """Begin with none.

        Args:
            play: plays games again.
            most: bytes of films that are kept.
        """
        self._play, self._most, self._kept = play, most, OrderedDict[Key, Film]()
        self._lock, self._turn = threading.Lock(), threading.Semaphore(AT_ONCE)

    def kept(self, key: Key) -> Film | None:
        """Return a film if it is there."""
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return found

    def make(self, wanted: Mapping[Key, tuple[Game, PairTold]], folder: Path) -> None:
        """Make the films that are not there, all of one run.

        Args:
            wanted: what is to be played for each film, and what the run has recorded of it.
            folder: the run directory.

        Raises:
            OuroloopError: the games cannot be played.
        """
        with self._turn:
            missing = {key: one for key, one in wanted.items() if self.kept(key) is None}
            if not missing:
                return
            made = self._play(Asked(folder, tuple(game for game, _ in missing.values())))
            for (key, (_, recorded)), text in zip(missing.items(), made, strict=True):
                self._keep(key, Film(text, _differs(text, recorded)))

    def _keep(self, key: Key, film: Film) -> None:
        with self._lock:
            self._kept[key] = film
            while sum(len(one.json) for one in self._kept.values()) > self._most and len(self._kept) > 1:
                self._kept.popitem(last=False)


def game_of(opened: Opened, id: str, pair: PairTold) -> Game:
    """Return what a pair of games needs to be played again.

    Raises:
        UsageError: the run perceives in a way that a replay does not, or names a game that is not installed.
        OuroloopError: the candidate's build is not on record.
    """
    recipe, found = opened.report.recipe, opened.report.candidate(id)
    if recipe.perception not in ("json", "ascii"):
        raise UsageError("this run's players see pictures, and games that are seen cannot be played again here")
    if recipe.task.name not in installed_games():
        raise UsageError(f"the game {recipe.task.name} is no installed one, and nothing that a run names is imported here")
    build, against = opened.report.build_of(id), found["against"]
    if build is None or against is None:
        raise OuroloopError(f"the build that {id} played as is not on record")
    incumbent = Build(against["policy"], against["reward"], against["controller"])
    return Game(pair.seed, ((id, build), ("the incumbent", incumbent)))


def _differs(text: str, recorded: PairTold) -> str:
    """Return what is wrong if games did not end as recorded."""
    mine, theirs = (float(game["utility"]) for game in json.loads(text)["games"])
    if abs(mine - recorded.candidate) < 1e-6 and abs(theirs - recorded.incumbent) < 1e-6:
        return ""
    return (
        f"these games ended with {mine:.3f} and {theirs:.3f}, the record says {recorded.candidate:.3f} and "
        f"{recorded.incumbent:.3f}: another machine, other versions of libraries, or a record that is not true"
    )

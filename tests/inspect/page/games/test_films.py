"""Films are kept by what they show, and are made for one request at a time."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from ouroloop.inspect.page.games.film import Asked, Game
from ouroloop.inspect.page.games.films import Films
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.protocols.records import Build

RUN = Path("run")
BUILD = Build("p", "r", "c")
GAME = Game(7, (("a", BUILD), ("b", Build("p", "r", "d"))))


def film(asked: Asked) -> list[str]:
    return [json.dumps({"games": [{"name": name, "utility": 0.5} for name, _ in game.players]}) for game in asked.games]


def test_what_is_the_same_is_made_once_and_what_differs_is_not() -> None:
    asked: list[Asked] = []

    def play(one: Asked) -> list[str]:
        asked.append(one)
        return film(one)

    films = Films(play)
    films.make(RUN, [GAME, GAME])
    films.make(RUN, [Game(7, (("a", Build("p", "r", "c")), ("b", Build("p", "r", "d"))))])
    assert len(asked) == 1
    assert len(asked[0].games) == 1
    found = films.kept(RUN, GAME)
    assert found is not None
    assert found.utilities == (0.5, 0.5)
    for other in (Game(8, GAME.players), Game(7, (("a", BUILD), ("b", BUILD)))):
        assert films.kept(RUN, other) is None
    assert films.kept(RUN, GAME, "ig") is None
    assert films.kept(Path("other"), GAME) is None


def test_the_oldest_goes_when_there_is_no_room() -> None:
    films = Films(film, most=len(film(Asked(RUN, (GAME,)))[0]) * 2)
    games = [Game(seed, GAME.players) for seed in range(3)]
    for game in games:
        films.make(RUN, [game])
    assert [films.kept(RUN, game) is not None for game in games] == [False, True, True]


def test_a_file_is_of_the_first_player_alone() -> None:
    asked: list[Asked] = []

    def play(one: Asked) -> list[bytes]:
        asked.append(one)
        return [b"x"]

    films = Films(play)
    for _ in range(2):
        assert films.file(RUN, GAME, "gif") == b"x"
    assert asked == [Asked(RUN, (Game(7, GAME.players[:1]),), "", "gif")]


def test_two_requests_play_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on, most = [0], [0]

    def play(one: Asked) -> list[str]:
        going_on[0] += 1
        most[0] = max(most[0], going_on[0])
        time.sleep(0.05)
        going_on[0] -= 1
        return film(one)

    films = Films(play)
    workers = [threading.Thread(target=films.make, args=(RUN, [Game(seed, GAME.players)])) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert most == [1]
    monkeypatch.setattr("ouroloop.inspect.page.games.films.PATIENCE_S", 0.05)
    with films._my_turn(), pytest.raises(SurroundingsError, match="other games are being played"):
        films.make(RUN, [Game(99, GAME.players)])

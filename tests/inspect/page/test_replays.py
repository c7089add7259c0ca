"""Requests about games: which are played, which are refused in a line, and what is kept."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from ouroloop.inspect.document import candidates
from ouroloop.inspect.page.app import Pages
from ouroloop.inspect.page.games.films import Films
from ouroloop.inspect.page.shelf import shelf
from ouroloop.inspect.run import Report
from ouroloop.ledger.steps.screen import screen
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.protocols.seeds import game_seeds
from ouroloop.runs.seeds import stream_seed
from tests.inspect.page.test_pages import Links

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.inspect.page.games.film import Asked

METHODS = ("rollout", "gradcam", "ig")


class Played:
    """Plays nothing, and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> list[str | bytes]:
        self.asked.append(asked)
        if asked.form != "film":
            return [b"a file"]
        frame = {"score": 0, "steps": 0, "cells": [0, 0], "end": "won"}
        whole = {"actions": ["a"], "tile": 8, "rows": 1, "columns": 1, "sprites": 1, "heats": 16, "sheet": ""}
        heat = {"lens": "a lens", "lit": [3, 5]} if asked.saliency else {}
        return [
            json.dumps(
                whole | {"games": [{"name": name, "utility": 0.5, "frames": [frame]} | heat for name, _ in game.players]}
            )
            for game in asked.games
        ]


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def here(finished: Path, played: Played) -> TestClient:
    return client(finished, played)


def client(folder: Path, played: Played) -> TestClient:
    return TestClient(Pages(shelf([folder]), Films(played)).app(), base_url="http://127.0.0.1", follow_redirects=False)


@pytest.fixture
def raced(finished: Path) -> str:
    with closing(Report(finished)) as report:
        return next(one["id"] for one in candidates(report.document()) if one["effect"] and one["alpha"])


def test_a_game_is_named_by_its_seed_or_by_its_number(finished: Path, here: TestClient, played: Played, raced: str) -> None:
    path = f"/runs/{finished.name}/games"
    form = here.get(path)
    assert form.status_code == 200
    for name in ("start", "now", raced):
        assert f'<option value="{name}"' in form.text
    assert here.get(f"{path}?build={raced}&number=7").status_code == 200
    assert played.asked == []  # nobody has asked to play
    answer = here.get(f"{path}?build={raced}&against=start&stream=gate&number=7&play=1")
    assert answer.status_code == 200
    assert 'data-film="film-game"' in answer.text
    ((game,),) = (asked.games for asked in played.asked)
    with closing(Report(finished)) as report:
        assert game.seed == game_seeds(stream_seed(report.recipe, report.ledger), "gate", 7, 1)[0]
        assert [name for name, _ in game.players] == [raced, "start"]
        assert game.players[0][1] == report.build_of(raced)
    here.get(f"{path}?build={raced}&stream=seed&number={game.seed}&play=1")
    assert played.asked[-1].games[0].seed == game.seed
    assert len(played.asked[-1].games[0].players) == 1
    Links(answer.text)  # its elements are closed, and no script stands in it
    before, after = re.findall(r'href="([^"]+)">(?:← )?game \d', answer.text)
    assert ("number=6" in before, "number=8" in after) == (True, True)


def test_the_same_game_is_played_once_whatever_leads_to_it(here: TestClient, finished: Path, played: Played) -> None:
    path = f"/runs/{finished.name}/games?build=start&number=5&play=1"
    for _ in range(2):
        assert here.get(path).status_code == 200
    assert len(played.asked) == 1
    here.get(f"{path}&saliency=none")
    assert len(played.asked) == 1
    here.get(f"{path}&saliency=ig")
    assert [asked.saliency for asked in played.asked] == ["", "ig"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("build=start&number=x", "names no game"),
        ("build=start&number=-1", "names no game"),
        ("build=start&number=", "names no game"),
        ("build=start&number=%D9%A3", "names no game"),
        (f"build=start&number={1 << 64}", "names no game"),
        (f"build=start&number={'9' * 4000}", "names no game"),
        (f"build=start&stream=gate&number={1 << 40}", "names no game"),
        ("build=start&stream=train&number=1", "no games are called"),
        ("build=nobody&number=1", "no build is called"),
        ("build=start&against=../../etc&number=1", "no build is called"),
        ("build=%3Cscript%3Ealert(1)%3C/script%3E&number=1", "no build is called"),
        ("build=back-1&number=1", "no build is called"),
        ("number=1", "nobody is to play"),
        ("build=start&number=1&saliency=magic", "saliency"),
    ],
)
def test_hostile_values_are_refused_in_a_line(here: TestClient, finished: Path, played: Played, query: str, said: str) -> None:
    answer = here.get(f"/runs/{finished.name}/games?{query}&play=1")
    assert answer.status_code == 400
    (line,) = re.findall(r'class="fault" role="alert">([^<]*)<', answer.text)
    assert said in line
    assert len(line) < 600
    assert "<script>alert" not in answer.text
    assert here.get(f"/runs/{finished.name}/games/0.gif?{query}").status_code == 404
    assert played.asked == []


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-purpose": "prefetch"}]
)
def test_nothing_is_played_for_other_sites_or_ahead_of_a_click(
    here: TestClient, finished: Path, played: Played, raced: str, headers: dict[str, str]
) -> None:
    run = f"/runs/{finished.name}"
    for path in (f"{run}/games?build=start&number=1&play=1", f"{run}/candidates/{raced}/pairs/1?saliency=ig"):
        answer = here.get(path, headers=headers)
        assert answer.status_code == 200
        assert "data-film" not in answer.text
    assert here.get(f"{run}/games/0.gif?build=start&number=1", headers=headers).status_code == 404
    assert played.asked == []


def test_a_pair_shows_what_decides_its_moves_when_its_address_asks(
    here: TestClient, finished: Path, played: Played, raced: str
) -> None:
    path = f"/runs/{finished.name}/candidates/{raced}/pairs/1"
    assert "saliency=" not in here.get(path).text
    assert here.post(path).headers["location"] == path
    text = here.get(path).text
    for method in (*METHODS, "none"):
        assert f'href="{path}?saliency={method}" data-step' in text
    answer = here.get(f"{path}?saliency=gradcam")
    assert played.asked[-1].saliency == "gradcam"
    assert "by a lens, for the last 5 moves; before step 3 it would take too long" in answer.text
    assert f'href="{path}?saliency=gradcam" data-step aria-current="true"' in answer.text
    assert f'href="{path}/1.gif?saliency=gradcam" download' in answer.text
    assert here.get(f"{path}?saliency=magic").status_code == 404
    assert here.post(f"{path}?saliency=ig").headers["location"] == f"{path}?saliency=ig"


def test_a_file_is_made_of_one_players_game(here: TestClient, finished: Path, played: Played, raced: str) -> None:
    pair = f"/runs/{finished.name}/candidates/{raced}/pairs/1"
    for form, media in (("gif", "image/gif"), ("mp4", "video/mp4")):
        for _ in range(2):
            answer = here.get(f"{pair}/1.{form}")
            assert (answer.status_code, answer.content) == (200, b"a file")
            assert answer.headers["content-type"] == media
            assert re.fullmatch(rf'attachment; filename="the-incumbent-\d+\.{form}"', answer.headers["content-disposition"])
    assert [(asked.form, [name for name, _ in asked.games[0].players]) for asked in played.asked] == [
        ("gif", ["the incumbent"]),
        ("mp4", ["the incumbent"]),
    ]
    for wrong in (f"{pair}/2.gif", f"{pair}/0.exe", f"/runs/{finished.name}/games/1.gif?build=start&number=1"):
        assert here.get(wrong).status_code == 404, wrong


def test_a_file_that_cannot_be_made_says_why(finished: Path) -> None:
    def fail(_: Asked) -> list[str]:
        raise SurroundingsError("an MP4 needs PyAV, which is not installed: pip install 'ouroloop[video]'")

    path = f"/runs/{finished.name}/games/0.mp4?build=start&number=1"
    answer = TestClient(Pages(shelf([finished]), Films(fail)).app(), base_url="http://127.0.0.1").get(path)
    assert answer.status_code == 404
    assert "pip install &#39;ouroloop[video]&#39;" in answer.text


def test_every_candidate_that_was_made_can_play_and_no_other(here: TestClient, finished: Path, played: Played) -> None:
    with closing(Report(finished)) as report:
        document = candidates(report.document())
        passed = {
            one["id"]: (found := screen(*report.find(one["id"])).find(report.ledger)) is not None and found.outcome == "passed"
            for one in document
        }
        trained = {one["id"] for one in document if one["kind"] == "patch" or one["health"] or one["effect"]}
    text = here.get(f"/runs/{finished.name}/games").text
    listed = set(re.findall(r'<option value="(r\d[^"]*)"', text))
    assert {id for id, ok in passed.items() if ok and id in trained} <= listed <= {id for id, ok in passed.items() if ok}
    assert any(not ok for ok in passed.values())
    for id in passed:
        answer = here.get(f"/runs/{finished.name}/games?build={id}&number=1&play=1")
        assert answer.status_code == (200 if id in listed else 400), id


def test_what_is_gone_is_not_offered(finished: Path, tmp_path: Path, played: Played, raced: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    with closing(Report(copy)) as report:
        build = report.build_of(raced)
    assert build is not None
    (copy / "artifacts" / build.controller).unlink()
    text = client(copy, played).get("/runs/run/games").text
    assert f'<option value="{raced}"' not in text
    answer = client(copy, played).get(f"/runs/run/games?build={raced}&number=1&play=1")
    assert "its artifacts are no longer in the run directory" in answer.text


def test_a_run_without_a_start_says_so(finished: Path, tmp_path: Path, played: Played) -> None:
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as db:
        db.execute("DELETE FROM steps")
        db.commit()
    answer = client(copy, played).get("/runs/run/games")
    assert answer.status_code == 200
    assert "Nobody can play yet" in answer.text

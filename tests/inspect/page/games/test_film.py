"""A film: exact to the pixel, and small."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.contender import Contender
from ouroloop.inspect.page.games.film import ACROSS, HEATS, Seen, embedded, film
from ouroloop.inspect.page.games.playing import _rated
from ouroloop.inspect.watch.moments import moments


@pytest.fixture(scope="module")
def game() -> tuple[SnakeTask, Seen]:
    task = SnakeTask(6, walls=0.06)
    player = Contender("greedy", task, "greedy", None, {}, task.best_score, 1)
    found = list(moments(player, 7, 0))
    regrets, utility = _rated(player, 7, [one.action for one in found if one.action is not None])
    return task, Seen("greedy", found, regrets, utility)


def pictures(document: dict, tile: int) -> list[np.ndarray]:
    """Put the frames of the first game together again, as the player does."""
    data = base64.b64decode(document["sheet"].partition(",")[2])
    sheet = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    cells, out = [0] * (document["rows"] * document["columns"]), []
    for frame in document["games"][0]["frames"]:
        for cell, sprite in zip(frame["cells"][::2], frame["cells"][1::2], strict=True):
            cells[cell] = sprite
        whole = np.zeros((document["rows"] * tile, document["columns"] * tile, 3), np.uint8)
        for cell, sprite in enumerate(cells):
            (y, x), (top, left) = divmod(cell, document["columns"]), divmod(sprite, ACROSS)
            whole[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile] = sheet[
                top * tile : (top + 1) * tile, left * tile : (left + 1) * tile
            ]
        out.append(whole)
    return out


def test_every_frame_is_the_picture_of_its_moment(game: tuple[SnakeTask, Seen]) -> None:
    task, seen = game
    document = film(task, [seen])
    tile = document["tile"]
    for picture, moment in zip(pictures(document, tile), seen.moments, strict=True):
        assert np.array_equal(picture, task.render(moment.seen, tile)[0])


def test_frames_tell_the_move_the_odds_the_regret_and_the_end(game: tuple[SnakeTask, Seen]) -> None:
    task, seen = game
    frames = film(task, [seen])["games"][0]["frames"]
    assert len(frames) == len(seen.moments)
    assert all(len(frame["odds"]) == len(frame["regret"]) == 4 for frame in frames[:-1])
    assert [frame["score"] for frame in frames] == sorted(frame["score"] for frame in frames)
    assert "end" in frames[-1]
    assert "action" not in frames[-1]


def test_a_film_takes_few_bytes_a_move(game: tuple[SnakeTask, Seen]) -> None:
    task, seen = game
    size = len(embedded(film(task, [seen])["games"]))
    assert size < 160 * len(seen.moments)


def test_the_utility_is_that_of_the_game(game: tuple[SnakeTask, Seen]) -> None:
    task, seen = game
    engine = task.engine(np.array([7], np.uint64))
    for moment in seen.moments[:-1]:
        engine.step(np.array([moment.action]))
    assert engine.done[0]
    assert film(task, [seen])["games"][0]["utility"] == pytest.approx(float(engine.outcomes().utility[0]))


def test_no_text_can_end_the_script_that_holds_a_film() -> None:
    text = embedded({"name": "</script><script>alert(1)</script>&<!--"})
    assert "<" not in text
    assert ">" not in text
    assert "&" not in text
    assert json.loads(text)["name"].startswith("</script>")


def heated(seen: Seen, first: int, cells: int = 36) -> Seen:
    """Give heat to a game's moves from a step on: as a saliency's, it is mostly 0, and 1 at the highest."""
    random = np.random.default_rng(1)
    found = []
    for place, moment in enumerate(seen.moments):
        heat = np.where(random.random(cells) < 0.2, random.random(cells), 0)
        heat[place % cells] = 1
        lit = place >= first and moment.action is not None
        found.append(replace(moment, heat=tuple(heat.tolist()), lens="a lens") if lit else moment)
    return replace(seen, moments=found)


def test_heat_is_told_cell_by_cell_where_it_changes(game: tuple[SnakeTask, Seen]) -> None:
    task, seen = game
    hot = heated(seen, 3)
    (told,) = film(task, [hot])["games"]
    assert (told["lens"], told["lit"]) == ("a lens", [3, len(seen.moments) - 4])
    levels = np.zeros(36, int)
    for frame, moment in zip(told["frames"], hot.moments, strict=True):
        before = levels.copy()
        for code in frame.get("heat", ()):
            levels[code // HEATS] = code % HEATS
            assert levels[code // HEATS] != before[code // HEATS]
        assert np.abs(levels / (HEATS - 1) - np.array(moment.heat or np.zeros(36))).max() <= 0.5 / (HEATS - 1) + 1e-9
    assert not levels.any()  # the end of a game has no move, so nothing decides it
    plain, with_heat = (len(embedded(film(task, [one])["games"])) for one in (seen, hot))
    assert (with_heat - plain) / len(seen.moments) < 90


def test_why_nothing_is_lit_is_told_in_its_place(game: tuple[SnakeTask, Seen]) -> None:
    task, seen = game
    (told,) = film(task, [replace(seen, unlit="it has no prompt")])["games"]
    assert told["unlit"] == "it has no prompt"
    assert "lit" not in told
    (told,) = film(task, [heated(seen, 0, cells=9)])["games"]
    assert "its pictures have 36 cells" in told["unlit"]
    assert not any("heat" in frame for frame in told["frames"])
    assert not {"lit", "unlit"} & film(task, [seen])["games"][0].keys()

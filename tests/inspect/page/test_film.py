"""A film: exact to the pixel, and small."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.contender import Contender
from ouroloop.inspect.page.games.film import ACROSS, Seen, embedded, film
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

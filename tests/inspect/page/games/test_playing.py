"""What a replay makes of a game: heat for its last moves, a sentence where there is none, and files that can be read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.inspect.contender import Contender
from ouroloop.inspect.page.games import playing
from ouroloop.inspect.page.games.film import Asked, Game
from ouroloop.inspect.page.games.playing import played
from ouroloop.policy.bases import player_of
from ouroloop.policy.saliency.names import TITLES
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import create
from ouroloop.protocols.records import Build


@pytest.fixture(scope="module")
def player() -> Contender:
    """A policy with random weights, whose games are short."""
    task = SnakeTask(6)
    policy = player_of(create(task, Shape(hidden=32, intermediate=48), 1))
    return Contender("tiny", task, policy, None, {}, task.best_score, 1)


@pytest.mark.parametrize("method", TITLES)
def test_moves_are_lit_from_the_last_one_back(player: Contender, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    *moves, end = played(player, 7, method).moments
    assert moves
    assert all(len(moment.heat) == 36 and moment.lens == TITLES[method] for moment in moves)
    assert (end.heat, end.action) == ((), None)
    monkeypatch.setattr(playing, "MOST_LIT", 2)
    assert [bool(moment.heat) for moment in played(player, 7, method).moments] == [
        *[False] * (len(moves) - 2),
        True,
        True,
        False,
    ]
    assert not any(moment.heat for moment in played(player, 7).moments)


def test_what_takes_too_long_is_left_out(player: Contender) -> None:
    assert sum(bool(moment.heat) for moment in played(player, 7, "rollout", lit_s=-1).moments) <= 1


def test_who_reads_no_prompt_is_told_so() -> None:
    task = SnakeTask(6)
    found = played(Contender("greedy", task, "greedy", None, {}, task.best_score, 1), 7, "ig")
    assert found.unlit.startswith("greedy is no language policy: no prompt decides its moves")
    assert not any(moment.heat for moment in found.moments)


@pytest.mark.parametrize("form", ["gif", "mp4"])
def test_a_file_shows_the_first_and_the_last_moment(player: Contender, form: str) -> None:
    if form == "mp4":
        av = pytest.importorskip("av", reason="PyAV is missing: pip install 'ouroloop[video]'")
    build = Build("p", "r", "c")
    asked = Asked(Path("run"), (Game(7, (("tiny", build),)),), form=form)  # type: ignore[arg-type]
    data = playing._made(asked, player.task, asked.games[0], lambda name, _: player)
    assert isinstance(data, bytes)
    moments = played(player, 7).moments
    whole = [player.task.drawing.gif([moment], [100]) for moment in (moments[0], moments[-1])]  # type: ignore[union-attr]
    first, last = (np.array(Image.open(io.BytesIO(one)).convert("RGB")).astype(int) for one in whole)
    if form == "gif":
        with Image.open(io.BytesIO(data)) as image:
            assert image.n_frames == len(moments)  # type: ignore[attr-defined]
            image.seek(0)
            shown = [np.array(image.convert("RGB")).astype(int)]
            image.seek(len(moments) - 1)
            shown.append(np.array(image.convert("RGB")).astype(int))
    else:
        with av.open(io.BytesIO(data)) as container:
            shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
        assert len(shown) == len(moments) - 1 + round(2.5 * playing.FPS)
    high, wide, _ = first.shape
    changed = np.abs(first - last).sum(axis=2) > 60
    assert changed.any()
    for found, own, other in ((shown[0], first, last), (shown[-1], last, first)):
        apart = [np.abs(found[:high, :wide] - one)[changed].mean() for one in (own, other)]
        assert apart[0] < 0.35 * apart[1]
        assert np.abs(found[:high, :wide] - own).mean() < (0.01 if form == "gif" else 4)

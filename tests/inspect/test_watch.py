"""Watching a game that does not draw itself: its text and its pictures are shown."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ouroloop.inspect.contender import Contender
from ouroloop.inspect.watch.animation import HOLD_MS, Frames
from ouroloop.inspect.watch.games import keep_gif, watch_games
from ouroloop.inspect.watch.moments import moments
from ouroloop.inspect.watch.screens import Lines, Live, Nowhere
from ouroloop.protocols.seeds import game_seeds
from tests.games.balance.task import BalanceTask


class Steady:
    """Pushes to where the pole leans."""

    def logits(self, observations):
        lean = observations.columns["angle"].astype(np.float32)
        return np.stack([-lean, lean], axis=1)


@pytest.fixture
def player() -> Contender:
    task = BalanceTask(limit=40)
    return Contender("steady", task, Steady(), None, {"limit": 40}, task.best_score, 1)


def test_lines_show_its_text_at_the_end(player: Contender, capsys: pytest.CaptureFixture[str]) -> None:
    seen = watch_games(player, game_seeds(3, "eval", 0, 2), Lines(player.task), ())
    lines = capsys.readouterr().out.splitlines()
    gains = [line for line in lines if line.startswith("game 2  step ")]
    assert len(gains) == seen[1].score > 0
    assert sum(line.startswith(f"move {seen[0].steps}: at ") for line in lines) >= 1
    assert seen[0].line() == f"game 1: score {seen[0].score}, {seen[0].steps} steps, {seen[0].cause.replace('_', ' ')}"
    assert set(seen[0].document()) == {"game", "score", "steps", "cause"}


def test_a_terminal_shows_its_text_and_the_odds_of_its_moves(player: Contender) -> None:
    console = Console(force_terminal=True, width=100, height=30, color_system="truecolor", file=io.StringIO())
    watch_games(player, game_seeds(3, "eval", 0, 1), Live(console, player.task, "steady", 1, 20, lambda seconds: None), ())
    text = console.file.getvalue()
    for part in (" steady ", "move 1: at ", "left", "right", "score", "end"):
        assert part in text


def test_a_gif_shows_its_pictures(player: Contender, tmp_path: Path) -> None:
    frames = Frames(most=16)
    (watched,) = watch_games(player, game_seeds(3, "eval", 0, 1), Nowhere(), [frames])
    kept = keep_gif(player.task, frames, tmp_path / "g.gif", 10)
    image = Image.open(tmp_path / "g.gif")
    assert kept.bytes == (tmp_path / "g.gif").stat().st_size
    assert image.size == (256, 256)
    assert 1 < image.n_frames <= kept.frames <= 16
    image.seek(image.n_frames - 1)
    assert image.info["duration"] >= HOLD_MS
    whole = list(moments(player, game_seeds(3, "eval", 0, 1)[0], 0))
    assert whole[-1].cause == watched.cause
    assert len(whole) == watched.steps + 1

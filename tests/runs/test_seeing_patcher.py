"""A patcher whose model sees gets lost games as pictures; the record shows that, and other runs have none."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ouroloop.cli.main import call
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.ledger.steps import observe as steps
from ouroloop.runs import lifecycle
from ouroloop.runs.progress import Quiet
from ouroloop.runs.proposers.pictures import GAP_PX, picture_of
from tests.agents.replies import Answer, Server
from tests.runs.small_run import micro


def opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture, validate=True)))


@pytest.mark.parametrize("sees", [True, False])
def test_a_model_that_sees_is_shown_how_a_game_was_lost(
    sees: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    bodies: list[dict[str, Any]] = []

    def script(body: dict[str, Any], number: int) -> Answer:
        bodies.append(body)
        return Answer({}, "def act(observation, logits):\n    return 0\n")

    folder = tmp_path / "r"
    with Server(script) as server:
        settings = {"model": "openai:scripted", "base_url": server.url, "count": 1, "repairs": 0}
        overrides = [f"roles.code_patcher.{key}={value}" for key, value in settings.items()]
        overrides.append(f"roles.code_patcher.config.sees={str(sees).lower()}")
        lifecycle.create(micro("budget.rounds=1", "roles.reward_designer.count=0", *overrides), folder, Quiet(notes=False))
        lifecycle.work(folder, Quiet(notes=False))
    content = bodies[0]["messages"][-1]["content"]
    with lifecycle.opened(folder, Quiet(notes=False)) as run:
        pictures = run.result(steps.play(1)).facts.pictures
    assert call(["show", str(folder), "--candidate", "r1-patch1", "--json"]) == 0
    shown = capsys.readouterr().out
    if not sees:
        assert isinstance(content, str)
        assert pictures == ()
        return
    text, picture = content
    assert "How a game was lost:" in text["text"]
    assert picture["image_url"]["url"] == f"data:image/png;base64,{pictures[0]}"
    assert opened(pictures[0]).format == "PNG"
    assert "[a picture of " in shown
    assert pictures[0] not in shown


@pytest.mark.parametrize(("size", "count", "cell_px"), [(6, 1, 28), (6, 4, 28), (10, 3, 28), (20, 4, 22), (128, 2, 4)])
def test_positions_lie_two_in_a_line_in_cells_as_large_as_fit(size: int, count: int, cell_px: int) -> None:
    task = SnakeTask(size)
    positions = task.positions(0, count).observations()
    picture = opened(picture_of(task, positions))
    board, lines = size * cell_px, -(-count // 2)
    assert picture.size == (2 * board + GAP_PX, lines * board + (lines - 1) * GAP_PX)
    pixels = np.asarray(picture)
    assert (pixels[:board, :board] == task.render(positions, cell_px)[0]).all()
    assert (pixels[:board, board : board + GAP_PX] == 255).all()

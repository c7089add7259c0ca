"""Controllers as small models write them: they pass the screen, and play the same moves in both sandboxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.ports import Sandbox
from ouroloop.sandbox.docker.sandbox import DockerSandbox
from ouroloop.sandbox.probes import GREEDY
from ouroloop.sandbox.screen.static import static_screen
from ouroloop.sandbox.wasm.sandbox import WasmSandbox

ACCEPTED = sorted(Path(__file__).with_name("accepted").glob("*.py"))
POSITIONS = SnakeTask(size=6).positions(0, 64).observations()
LOGITS = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)


def source(file: Path) -> str:
    return static_screen(file.read_text(encoding="utf-8"), GREEDY).source


@pytest.mark.parametrize("file", ACCEPTED, ids=lambda path: path.stem)
def test_what_small_models_write_passes_the_static_screen(file: Path) -> None:
    assert "def act" in source(file)


def moves(sandbox: Sandbox, text: str) -> list[int]:
    session = sandbox.open(text)
    found = session.act(POSITIONS, LOGITS).tolist()
    session.close()
    return found


@pytest.mark.docker
@pytest.mark.slow
def test_it_plays_the_same_moves_in_both_sandboxes(wasm: WasmSandbox, toolkit: str) -> None:
    docker = DockerSandbox(toolkit, 4)
    differ = [file.stem for file in ACCEPTED if moves(wasm, source(file)) != moves(docker, source(file))]
    docker.close()
    assert differ == []

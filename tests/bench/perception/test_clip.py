"""The benchmark's section for CLIP, on a CLIP that is as small as a test."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from ouroloop.bench.perception.clip import share, table, worth
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.clip.loading import load_clip
from ouroloop.perception.clip.states import gallery
from ouroloop.perception.clip.training import train_clip
from ouroloop.perception.config import CameraConfig, perfect


def test_a_share_has_wilsons_interval():
    one = share(np.array([True] * 95 + [False] * 5))
    assert (one["share"], one["n"]) == (0.95, 100)
    assert (one["low"], one["high"]) == pytest.approx((0.8882, 0.9785), abs=1e-3)
    assert share(np.ones(50, bool))["low"] < 1


def test_models_are_measured_behind_each_camera_and_shown(tmp_path):
    task = SnakeTask(4)
    config = ClipConfig(embed_dim=16, vision_width=16, text_width=16, boards=16, steps=1, groups=4)
    train_clip(task, config, 0, tmp_path / "clip", lambda *told: None)
    boards = gallery(task.sight, task.positions(1, 8).observations(), 32, np.random.default_rng(0))
    found = worth(load_clip(tmp_path / "clip"), task, boards, 0, {"clean": perfect(), "default": CameraConfig()})
    assert set(found["cameras"]) == {"clean", "default"}
    assert found["cameras"]["clean"]["localised"]["the apple"]["n"] == 32
    console = Console(width=300)
    with console.capture() as shown:
        console.print(table({"boards": 32, "side": 4, "models": {"ours": found}}))
    assert "the border" in shown.get()
    assert len(shown.get().splitlines()) >= 4

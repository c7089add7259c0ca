"""A small CLIP that the tests share: it learned for a moment, so it tells boards apart better than by chance, not more."""

from __future__ import annotations

import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.clip.config import ClipConfig
from ouroloop.perception.clip.training import train_clip
from ouroloop.perception.config import perfect

TINY = ClipConfig(
    embed_dim=32,
    vision_width=32,
    text_width=32,
    camera=perfect(),
    boards=128,
    steps=200,
    groups=8,
    rate=5e-3,
    dense=0.5,
)
TASK = SnakeTask(4)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return the directory of a tiny CLIP for 4x4, its report, and the reports of progress."""
    out = tmp_path_factory.mktemp("clips") / "tiny"
    told = []
    report = train_clip(TASK, TINY, 5, out, lambda *what: told.append(what))
    return out, report, told

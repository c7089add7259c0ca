"""A small Gemma, trained once for all tests: it reads most boards of 4x4."""

from __future__ import annotations

import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.gemma.config import GemmaConfig
from ouroloop.perception.gemma.training import train_gemma

TASK = SnakeTask(4)
TINY = GemmaConfig.model_validate(
    {
        "tower": {"width": 32, "depth": 1, "heads": 2},
        "text": {"width": 64, "depth": 2, "heads": 2, "inner": 128},
        "boards": 1024,
        "steps": 160,
        "batch": 24,
        "played": 24,
        "rate": 4e-3,
        "held_out": 128,
    }
)


def quiet(phase, share, figures):
    """Take reports of progress and do nothing."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return the directory of the small Gemma, its report, and the reports of progress."""
    out = tmp_path_factory.mktemp("gemmas") / "tiny"
    told = []
    report = train_gemma(TASK, TINY, 3, out, lambda *what: told.append(what))
    return out, report, told

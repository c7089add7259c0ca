"""A reader that is small and quickly trained: clean pictures in the named looks are all that it knows."""

from __future__ import annotations

from pathlib import Path

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import ReaderConfig, perfect
from ouroloop.perception.training import ReaderReport, train_reader

TASKS = (SnakeTask(4), SnakeTask(5))
TINY = ReaderConfig(
    width=16, depth=1, cells=3000, steps=160, batch_cells=512, rate=1e-2, pool=2, named=1.0, cell_px=(8,), camera=perfect()
)


def quiet(phase: str, share: float, figures: dict[str, float]) -> None:
    """Take reports of progress and do nothing."""


def train(out: Path, seed: int = 5, **changes: object) -> ReaderReport:
    """Train the small reader, with changes to its configuration."""
    return train_reader(TASKS, TINY.model_copy(update=changes), seed, out, quiet)

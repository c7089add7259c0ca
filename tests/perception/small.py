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


def hasty_clip(out: Path) -> None:
    """Train a CLIP for a moment: it reads boards of 4x4, wrongly."""
    from ouroloop.perception.clip.config import ClipConfig
    from ouroloop.perception.clip.training import train_clip

    sizes = {"embed_dim": 32, "vision_width": 32, "text_width": 32, "boards": 32, "steps": 2, "groups": 2, "group": 2}
    train_clip(TASKS[0], ClipConfig.model_validate(sizes), 5, out, quiet)


def hasty_gemma(out: Path) -> None:
    """Train a Gemma for a moment: it reads boards of 4x4, wrongly."""
    from ouroloop.perception.gemma.config import GemmaConfig
    from ouroloop.perception.gemma.training import train_gemma

    parts = {"tower": {"width": 16, "depth": 1}, "text": {"width": 24, "depth": 1, "head_width": 8}}
    config = GemmaConfig.model_validate({**parts, "steps": 2, "boards": 16, "batch": 2, "played": 2, "held_out": 4})
    train_gemma(TASKS[0], config, 5, out, quiet)

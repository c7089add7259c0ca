"""Eyes for tests: one that sees every cell as it is, and the folder of a real one, barely trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import perfect
from ouroloop.perception.eye import eye_of
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.perception.vae.training import train_vae
from ouroloop.protocols.records import Observations


class CellEye:
    """Gives each cell the latent of its class."""

    name = "cells"

    def __init__(self, task: SnakeTask, width: int = 8) -> None:
        self.sight, self.width = task.sight, width

    def grid(self, observations: Observations) -> tuple[int, int]:
        return self.sight.side, self.sight.side

    def see(self, observations: Observations) -> np.ndarray:
        cells = self.sight.label(observations if observations.scene is None else observations.scene)
        return 4 * np.eye(self.width, dtype=np.float32)[cells].reshape(len(cells), self.sight.side, self.sight.side, -1) - 1

    def save(self, folder: Path) -> None:
        folder.mkdir()


def dim_eye(folder: Path, task: SnakeTask) -> Path:
    """Write an eye with an autoencoder after two steps of training; return its folder."""
    config = VaeConfig(image_px=16, latents=12, width=2, boards=16, steps=2, batch=4)
    train_vae(task, config, 1, folder / "vae", lambda *_: None)
    eye_of(folder / "vae", "vae", task, perfect(), 5).save(folder / "eye")
    return folder / "eye"

"""The picture of what a camera does, `docs/pictures/cameras.png`: one position as it was drawn, and through three cameras.

`python -m ouroloop.inspect.pages.cameras docs/pictures/cameras.png` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAME: Final = {"size": 10, "walls": 0.06}
SEED, POSITIONS, SHOWN = 3, 24, 15
"""The position is one of a bank of that many."""
CAMERAS: Final = (
    perfect(),
    CameraConfig(scatter=False),
    CameraConfig(scatter=False, noise=0.3),
    CameraConfig(scatter=False, look="candy", rotation=5.0),
)
SCALE, GAP = 3, 12
"""Pixels of the page to one of a picture, and between two pictures."""


def picture() -> Image.Image:
    """Return the pictures beside each other."""
    task = make_task(TaskSettings.model_validate(GAME))
    seen = task.positions(SEED, POSITIONS).observations(np.array([SHOWN]))
    shots = [_large(Camera(task, camera).look(seen)[0]) for camera in CAMERAS]
    side = shots[0].shape[0]
    wide = Image.new("RGB", (len(shots) * (side + GAP) - GAP, side), "#f4f6f7")
    for place, shot in enumerate(shots):
        wide.paste(Image.fromarray(shot), (place * (side + GAP), 0))
    return wide


def _large(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with each pixel as a square: (H, W, 3) uint8."""
    return pixels.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


if __name__ == "__main__":
    picture().quantize(224, dither=Image.Dither.NONE).save(Path(sys.argv[1]), optimize=True)

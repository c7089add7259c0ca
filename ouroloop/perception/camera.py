"""The camera: positions to the pictures that eyes get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.config import RANDOM_LOOK, CameraConfig
from ouroloop.perception.optics import compress, expose, keys_of, resized
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sight, Task
    from ouroloop.protocols.records import Observations

DRAWN_PX: Final = 8
"""Pixels of a cell as it is drawn; a camera of fewer pixels averages them."""
SHEETS: Final = 256
"""Random looks of a camera, drawn once."""


class Camera:
    """Takes pictures of a task's positions. The same camera always takes the same picture of the same position."""

    def __init__(self, task: Task, config: CameraConfig, seed: int = 0) -> None:
        """Set up a camera.

        Args:
            task: the game; its `sight` draws.
            config: what the camera does to pictures.
            seed: of everything random.

        Raises:
            UsageError: the game has no sight, or the look does not exist.
        """
        self.task, self.config, self.seed = task, config, seed
        self.sight: Sight = sight_of(task)
        self.cell_px = config.cell_px
        self._sheets = self._drawn_sheets()

    def _drawn_sheets(self) -> NDArray[np.uint8]:
        """Return the looks that it may draw: (K, S, px, px, 3) uint8."""
        px = max(DRAWN_PX, self.config.cell_px)
        if self.config.look == RANDOM_LOOK:
            rng = np.random.default_rng(derived_seed(self.seed, "camera", "looks"))
            drawn = [self.sight.random_sheet(px, rng) for _ in range(SHEETS)]
            return np.stack([*(self.sight.sheet(name, px) for name in self.sight.looks), *drawn])
        name = self.config.look or self.sight.looks[0]
        if name not in (*self.sight.looks, *self.sight.held_out):
            known = ", ".join((*self.sight.looks, *self.sight.held_out, RANDOM_LOOK))
            raise UsageError(f"the game {self.task.name} has no look {name!r}: set camera.look to one of {known}")
        return self.sight.sheet(name, px)[None]

    def look(self, observations: Observations) -> NDArray[np.uint8]:
        """Return pictures of positions: (B, side * cell_px, side * cell_px, 3) uint8."""
        config, side = self.config, self.sight.side * self.cell_px
        pixels = self._drawn(observations)
        pixels = resized(pixels, side, side)
        if config.clean:
            return pixels
        keys = keys_of(pixels, self.seed)
        pixels = expose(
            pixels,
            keys,
            rotation=config.rotation,
            shift=config.shift * self.cell_px,
            blur=config.blur * self.cell_px,
            colour=config.colour,
            occlusion=config.occlusion,
            noise=config.noise,
            scatter=config.scatter,
        )
        if config.jpeg:
            pixels = compress(pixels, keys, config.jpeg, scatter=config.scatter)
        if config.window:
            darken(pixels, self.sight.focus(observations), self.sight.side, config.window)
        return pixels

    def _drawn(self, observations: Observations) -> NDArray[np.uint8]:
        which = np.zeros(len(observations), np.int64)
        if len(self._sheets) > 1:
            clean = self.sight.compose(observations, self._sheets[:1], which)
            which = (keys_of(clean, self.seed) % np.uint64(len(self._sheets))).astype(np.int64)
        return self.sight.compose(observations, self._sheets, which)


def darken(pixels: NDArray[np.uint8], focus: NDArray[np.int64], side: int, reach: int) -> None:
    """Black out, in place, every cell that lies farther from a picture's focus than the reach, along rows or columns.

    Args:
        pixels: (B, H, W, 3) uint8.
        focus: (B,) the cell around which each picture is seen.
        side: cells per side.
        reach: cells.
    """
    px = pixels.shape[1] // side
    for row, cell in enumerate(focus):
        y, x = divmod(int(cell), side)
        low, left = max(0, y - reach) * px, max(0, x - reach) * px
        high, right = (y + reach + 1) * px, (x + reach + 1) * px
        kept = pixels[row, low:high, left:right].copy()
        pixels[row] = 0
        pixels[row, low:high, left:right] = kept

"""Observations as seen: rendered, perhaps with added noise, and read back from the picture alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.kernels import Array, allocating_kernel
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.perception.reader import Reader
    from ouroloop.protocols.ports import Task


@dataclass(frozen=True, slots=True)
class Sight:
    """How accurately boards have been seen so far.

    Args:
        boards: boards read.
        exact: boards of which everything visible was read correctly.
        repaired: boards whose first reading contradicted itself.
    """

    boards: int = 0
    exact: int = 0
    repaired: int = 0

    @property
    def share(self) -> float:
        """Share of boards read exactly; 1 before the first board."""
        return self.exact / self.boards if self.boards else 1.0


class VisionPerception:
    """Replaces what an observation says about the board with what a reader sees in its picture.

    What no picture shows passes through unchanged. A board is read the same way whatever else is in the batch.
    """

    def __init__(self, reader: Reader, task: Task, noise: float = 0.0, seed: int = 0) -> None:
        """Look at a task's boards through a reader.

        Args:
            reader: trained for this task and board size.
            task: draws the pictures.
            noise: standard deviation of the noise added to each pixel, as a share of full scale.
            seed: of the noise; the noise also depends on the picture, so that the same board always looks the same.

        Raises:
            UsageError: the noise is outside [0, 10].
        """
        if not 0 <= noise <= 10:
            raise UsageError(f"pixel noise {noise} is not possible: choose a share of full scale from 0 to 10")
        self.reader = reader
        self.task = task
        self.noise = noise
        self.seed = seed
        self.sight = Sight()

    @property
    def exact(self) -> float:
        """Share of the boards so far that were read exactly."""
        return self.sight.share

    def __call__(self, observations: Observations) -> Observations:
        """Return the batch as it was seen, in new arrays of the same shapes and types."""
        read = self.reader.read(self.look(observations))
        same = read.exact(observations)
        self.sight = Sight(
            self.sight.boards + len(read),
            self.sight.exact + int(same.sum()),
            self.sight.repaired + int(read.repaired.sum()),
        )
        return read.into(observations)

    def look(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the pictures that the reader gets: (B, H, W, 3) uint8, noise included."""
        pixels = self.task.render(observations, self.reader.cell_px)
        return add_noise(pixels, self.noise, self.seed) if self.noise else pixels


def add_noise(pixels: NDArray[np.uint8], scale: float, seed: int) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 with near-Gaussian noise of standard deviation `scale` * 255, clipped to 0..255.

    A picture's noise depends on its own content and on the seed, not on the rest of the batch.
    """
    flat = np.ascontiguousarray(pixels).reshape(len(pixels), math.prod(pixels.shape[1:]))
    out = np.empty_like(flat)
    _add_noise(flat, scale * 255, np.uint64(seed % 2**64), out)
    return out.reshape(pixels.shape)


@allocating_kernel
def _add_noise(pixels: Array, scale: float, seed: np.uint64, out: Array) -> None:
    """Fill `out`: a row's key is an FNV-1a hash of its bytes, and each value's noise is the sum of four 16-bit draws.

    The sum of four uniforms is close enough to a Gaussian here; its standard deviation is 65536 / sqrt(3).
    """
    unit = scale * np.sqrt(3.0) / 65536.0
    low = np.uint64(0xFFFF)
    for row in range(len(pixels)):
        key = seed ^ np.uint64(0xCBF29CE484222325)
        for value in pixels[row]:
            key = (key ^ np.uint64(value)) * np.uint64(0x100000001B3)
        for i in range(pixels.shape[1]):
            key += np.uint64(0x9E3779B97F4A7C15)
            z = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            total = (z & low) + ((z >> np.uint64(16)) & low) + ((z >> np.uint64(32)) & low) + (z >> np.uint64(48))
            value = pixels[row, i] + (np.float64(total) - 131070.0) * unit
            out[row, i] = np.uint8(min(255.0, max(0.0, value)) + 0.5)

"""Boards read out of CLIP's latents: a linear map from a cell's latent to its class, and the game's own decoding.

The map is trained on frozen latents. Whatever it reads, CLIP has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch.nn import functional

from ouroloop.envs.capabilities import sight_of
from ouroloop.files import read_regular
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.clip.dense import to_cells
from ouroloop.perception.clip.encoding import ClipEncoder, load_encoder
from ouroloop.perception.encoders import told
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.perception.camera import Camera
    from ouroloop.protocols.ports import Reading, Sight, Task
    from ouroloop.protocols.records import Observations

READOUT: Final = "readout.safetensors"
READOUT_BYTES: Final = 4_000_000
DECAY: Final = 1e-4
"""Weight of the squared weights in the map's loss."""
STEPS: Final = 60
"""Iterations of L-BFGS."""


@dataclass(frozen=True, slots=True)
class Readout:
    """A linear map from latents to classes: weight (width, classes) float32 and bias (classes,) float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def save(self, folder: Path) -> None:
        """Write the map into an existing folder."""
        (folder / READOUT).write_bytes(save({"weight": self.weight, "bias": self.bias}))


class ClipReader:
    """Reads boards of one task from pictures, as `perception.reader.Reader` does."""

    def __init__(self, encoder: ClipEncoder, readout: Readout, sight: Sight, cell_px: int) -> None:
        """Keep an encoder, a map from its latents to the sight's classes, and the pixels of a cell that it is used to."""
        self.encoder, self.cell_px = encoder, cell_px
        self._readout, self._sight = readout, sight

    def read(self, pixels: NDArray[np.uint8]) -> Reading:
        """Return the positions that pictures (B, H, H, 3) uint8 show."""
        return self._sight.decode(self.probabilities(pixels))

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the class probabilities of each cell: (B, side * side, classes) float32."""
        latents = cell_latents(self.encoder, pixels, self._sight.side)
        logits = torch.from_numpy(latents @ self._readout.weight + self._readout.bias)
        out: NDArray[np.float32] = logits.softmax(-1).numpy()
        return out


def cell_latents(encoder: ClipEncoder, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Return a latent per cell: (B, side * side, width) float32, interpolated where patches are not cells."""
    grid = torch.from_numpy(encoder.latents(pixels, side))
    cells: NDArray[np.float32] = to_cells(grid, side).flatten(1, 2).contiguous().numpy()
    return cells


def fit_readout(encoder: ClipEncoder, camera: Camera, observations: Observations) -> Readout:
    """Return the linear map that best tells the classes of cells in a camera's pictures of these positions.

    It minimises the cross-entropy plus `DECAY` times the squared weights, by L-BFGS from zero, which is convex and draws
    nothing at random.
    """
    sight = camera.sight
    latents = torch.from_numpy(cell_latents(encoder, camera.look(observations), sight.side)).flatten(0, 1)
    classes = torch.from_numpy(sight.label(observations)).long().flatten()
    weight = torch.zeros(encoder.width, sight.classes, requires_grad=True)
    bias = torch.zeros(sight.classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(latents @ weight + bias, classes) + DECAY * weight.square().sum()
        value.backward()
        return value

    with torch_threads(1):
        optimiser.step(loss)
    return Readout(weight.detach().numpy(), bias.detach().numpy())


def load_clip_reader(folder: Path, task: Task) -> ClipReader:
    """Return the reader kept with a CLIP that `train_clip` wrote.

    Args:
        folder: of the CLIP.
        task: the game whose pictures will be read.

    Raises:
        UsageError: there is no reader, it is damaged, or it is for other boards.
    """
    encoder, sight = load_encoder(folder), sight_of(task)
    try:
        kept = load(read_regular(folder / READOUT, READOUT_BYTES))
        readout = Readout(kept["weight"], kept["bias"])
    except (OSError, KeyError, TypeError, SafetensorError, ValueError) as error:
        found = f"{READOUT} is missing or damaged ({told(error)})"
        raise UsageError(f"the CLIP {folder} has no reader: {found}; train it again") from error
    shapes = readout.weight.shape, readout.bias.shape
    if shapes != ((encoder.width, sight.classes), (sight.classes,)) or not all(map(_finite, (readout.weight, readout.bias))):
        raise UsageError(f"the reader in {folder} is for other boards than those of {task.name}: train a CLIP for them")
    pixels, _ = encoder.clip.size
    encoder.grid(pixels, sight.side)
    return ClipReader(encoder, readout, sight, pixels // sight.side)


def _finite(values: NDArray[np.float32]) -> bool:
    return values.dtype == np.float32 and bool(np.isfinite(values).all())

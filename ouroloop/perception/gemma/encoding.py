"""A Gemma's vision tower as encoder: a picture in, a grid of standardised latents out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import sight_of
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.hub import find_model
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.gemma.config import Precision
from ouroloop.perception.gemma.loading import check_trained_for, quiet, read_card
from ouroloop.perception.gemma.towers import Layer, Tower, load_tower, save_tower
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

CARD: Final = "encoder.json"
STATISTICS: Final = "statistics.safetensors"
STATISTICS_BYTES: Final = 4_000_000
TOWER: Final = "tower"
BATCH: Final = 64
REACH: Final = 4.0
"""Latents are cut to this many standard deviations."""
SAMPLES: Final = 512
"""Positions whose pictures give the statistics."""


class EncoderCard(Frozen):
    """The contents of `encoder.json`.

    Args:
        layer: where the latents are taken.
        width: numbers of a latent.
    """

    format: Literal["ouroloop-gemma-encoder/1"] = "ouroloop-gemma-encoder/1"
    layer: Layer
    width: int = Field(ge=1, le=65_536)


class GemmaEncoder:
    """Turns pictures into grids of latents; an `Encoder` of `perception/eye.py`."""

    name = "gemma"

    def __init__(
        self,
        tower: Tower,
        layer: Layer,
        mean: NDArray[np.float32],
        scale: NDArray[np.float32],
        *,
        batch: int = BATCH,
        threads: int = 1,
    ) -> None:
        """Keep a tower, the layer of its latents, and their statistics.

        Args:
            tower: the network.
            layer: where the latents are taken.
            mean: (width,) float32, of each number of a latent.
            scale: (width,) float32, its standard deviation.
            batch: pictures that go through the tower at once.
            threads: torch's threads.
        """
        self.width = tower.width(layer)
        self._tower, self._layer, self._mean, self._scale = tower, layer, mean, scale
        self._batch, self._threads = batch, threads
        self._grids: dict[int, tuple[int, int]] = {}

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents of a picture of `side_px` pixels; the number of cells does not matter."""
        if side_px not in self._grids:
            rows, columns = self._raw(np.zeros((1, side_px, side_px, 3), np.uint8)).shape[1:3]
            self._grids[side_px] = (rows, columns)
        return self._grids[side_px]

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of square pictures: (B, H, H, 3) uint8 to (B, rows, columns, width) float32, within [-4, 4].

        Raises:
            UsageError: the pictures have another shape or type.
        """
        if not len(pixels):
            return np.zeros((0, *self.grid(pixels.shape[1], side), self.width), np.float32)
        latents: NDArray[np.float32] = np.clip((self._raw(pixels) - self._mean) / self._scale, -REACH, REACH)
        return latents

    def save(self, folder: Path) -> None:
        """Write the encoder into a folder that does not exist yet: the tower's weights, the statistics and a card.

        Raises:
            SurroundingsError: the disk is full, or the folder cannot be written.
        """
        statistics = {"mean": torch.from_numpy(self._mean), "scale": torch.from_numpy(self._scale)}
        try:
            with whole_directory(folder, replace=False) as half, quiet():
                (half / TOWER).mkdir()
                save_tower(self._tower, half / TOWER)
                (half / STATISTICS).write_bytes(save(statistics))
                card = EncoderCard(layer=self._layer, width=self.width)
                (half / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
        except OSError as error:
            raise SurroundingsError(
                f"cannot write the encoder {folder}: {error.strerror}; free some space or choose another place"
            ) from error

    def _raw(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch_threads(self._threads):
            parts = range(0, len(pixels), self._batch)
            found = [self._tower.features(pixels[at : at + self._batch], self._layer) for at in parts]
            raw: NDArray[np.float32] = torch.cat(found).numpy()
        return raw


def make_encoder(
    name_or_dir: str | Path,
    task: Task,
    camera: Camera,
    *,
    layer: Layer = "projected",
    seed: int = 0,
    samples: int = SAMPLES,
    dtype: Precision = "auto",
    device: str = "cpu",
    batch: int = BATCH,
    threads: int = 1,
) -> GemmaEncoder:
    """Return the encoder of a checkpoint's tower, with the statistics of a task's pictures.

    Args:
        name_or_dir: a checkpoint, as for `loading.load_gemma`.
        task: the game; its positions give the statistics.
        camera: takes the pictures.
        layer: where the latents are taken.
        seed: of the positions.
        samples: number of positions.
        dtype: of the weights.
        device: as torch names it.
        batch: pictures that go through the tower at once.
        threads: torch's threads.

    Raises:
        UsageError: see `towers.load_tower`; or the checkpoint is ours, and was trained for another game or side.
        SurroundingsError: see `towers.load_tower`.
    """
    name = str(name_or_dir)
    check_trained_for(read_card(find_model(name)[0], name), name, task)
    tower = load_tower(name_or_dir, dtype=dtype, device=device)
    width = tower.width(layer)
    blank = GemmaEncoder(tower, layer, np.zeros(width, np.float32), np.ones(width, np.float32), batch=batch, threads=threads)
    seen = sight_of(task).vary(task.positions(seed, samples).observations(), np.random.default_rng(seed))
    raw = blank._raw(camera.look(seen)).reshape(-1, width)
    scale = np.maximum(raw.std(0), 1e-6 + 1e-3 * raw.std())  # a number that hardly changes is not to become all noise
    return GemmaEncoder(tower, layer, raw.mean(0), scale.astype(np.float32), batch=batch, threads=threads)


def load_encoder(folder: Path, *, device: str = "cpu", threads: int = 1) -> GemmaEncoder:
    """Return the encoder that `GemmaEncoder.save` wrote.

    Raises:
        UsageError: there is none, or it is damaged.
        SurroundingsError: transformers, the device or the memory is lacking.
    """
    try:
        card = EncoderCard.model_validate_json(read_regular(folder / CARD, CARD_BYTES))
        statistics = load(read_regular(folder / STATISTICS, STATISTICS_BYTES))
        mean, scale = (_numbers(statistics[key], card.width) for key in ("mean", "scale"))
    except OSError as error:
        raise UsageError(f"no encoder at {folder}: {error.strerror or error}; make one there") from error
    except ValidationError as error:
        raise UsageError(f"{CARD} of the encoder {folder} is damaged: {plain_line(one_line(error))}; make it again") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise UsageError(
            f"the statistics of the encoder {folder} are damaged: {plain_line(str(error))}; make it again"
        ) from error
    tower = load_tower(folder / TOWER, device=device)
    if tower.width(card.layer) != card.width:
        raise UsageError(
            f"the encoder {folder} is damaged: its tower gives {tower.width(card.layer)} numbers, not {card.width}"
        )
    return GemmaEncoder(tower, card.layer, mean, scale, threads=threads)


def _numbers(values: torch.Tensor, width: int) -> NDArray[np.float32]:
    """Return statistics (width,) float32. Raises ValueError if they are others, or not finite."""
    if values.shape != (width,) or values.dtype != torch.float32 or not bool(torch.isfinite(values).all()):
        raise ValueError(f"expected {width} finite numbers")
    found: NDArray[np.float32] = values.numpy()
    return found

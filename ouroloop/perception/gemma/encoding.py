"""A Gemma's vision tower as encoder: a picture in, a grid of standardised latents out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.hub import find_model
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import check_pictures, torch_threads
from ouroloop.perception.encoders import REACH, SAMPLES, check_side, told, typical_pictures, written
from ouroloop.perception.gemma.config import Precision
from ouroloop.perception.gemma.loading import check_trained_for, quiet, read_card
from ouroloop.perception.gemma.towers import Layer, Tower, load_tower, save_tower
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

CARD: Final = "encoder.json"
STATISTICS: Final = "statistics.safetensors"
STATISTICS_BYTES: Final = 4_000_000
TOWER: Final = "tower"
BATCH: Final = 64
SMALL: Final = "the Gemma"
"""What messages call a tower that is of one size of board."""


class EncoderCard(Frozen):
    """The contents of `encoder.json`.

    Args:
        layer: where the latents are taken.
        width: numbers of a latent.
        task: name of the game that the tower was trained on; empty for one that takes any picture.
        side: cells per side of the boards that it was trained on; 0 for one that takes any picture.
    """

    format: Literal["ouroloop-gemma-encoder/1"] = "ouroloop-gemma-encoder/1"
    layer: Layer
    width: int = Field(ge=1, le=65_536)
    task: str = Field(default="", max_length=300)
    side: int = Field(default=0, ge=0, le=128)


class GemmaEncoder:
    """Turns pictures into grids of latents; an `encoders.Encoder`."""

    name = "gemma"

    def __init__(
        self,
        tower: Tower,
        layer: Layer,
        mean: NDArray[np.float32],
        scale: NDArray[np.float32],
        *,
        game: str = "",
        side: int = 0,
        batch: int = BATCH,
        threads: int = 1,
    ) -> None:
        """Keep a tower, the layer of its latents, and their statistics.

        Args:
            tower: the network.
            layer: where the latents are taken.
            mean: (width,) float32, of each number of a latent.
            scale: (width,) float32, its standard deviation.
            game: that the tower was trained on; empty if it takes any picture.
            side: cells per side of the boards that it was trained on; 0 if it takes any picture.
            batch: pictures that go through the tower at once.
            threads: torch's threads.
        """
        self.width, self.game, self.side = tower.width(layer), game, side
        self._tower, self._layer, self._mean, self._scale = tower, layer, mean, scale
        self._batch, self._threads = batch, threads
        self._grids: dict[int, tuple[int, int]] = {}

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents of a picture of `side_px` pixels.

        Raises:
            UsageError: the tower was trained on boards of another size.
        """
        check_side(SMALL, self.side, side)
        if side_px not in self._grids:
            rows, columns = self._raw(np.zeros((1, side_px, side_px, 3), np.uint8)).shape[1:3]
            self._grids[side_px] = (rows, columns)
        return self._grids[side_px]

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of square pictures: (B, H, H, 3) uint8 to (B, rows, columns, width) float32, within [-4, 4].

        Raises:
            UsageError: the pictures have another form, or the tower was trained on boards of another size.
        """
        check_side(SMALL, self.side, side)
        check_pictures(pixels, side)
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
        with written(folder, "the encoder") as half, quiet():
            (half / TOWER).mkdir()
            save_tower(self._tower, half / TOWER)
            (half / STATISTICS).write_bytes(save(statistics))
            card = EncoderCard(layer=self._layer, width=self.width, task=self.game, side=self.side)
            (half / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")

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
    card = read_card(find_model(name)[0], name)
    check_trained_for(card, name, task)
    tower = load_tower(name_or_dir, dtype=dtype, device=device)
    width = tower.width(layer)
    blank = GemmaEncoder(tower, layer, np.zeros(width, np.float32), np.ones(width, np.float32), batch=batch, threads=threads)
    raw = blank._raw(typical_pictures(task, camera, seed, samples)).reshape(-1, width)
    mean, scale = raw.mean(0), np.maximum(raw.std(0), 1e-6 + 1e-3 * raw.std())  # what hardly changes is not to become noise
    game, side = (card.task, card.side) if card else ("", 0)
    return GemmaEncoder(tower, layer, mean, scale.astype(np.float32), game=game, side=side, batch=batch, threads=threads)


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
        if not (scale > 0).all():
            raise ValueError("expected scales above zero")
    except OSError as error:
        raise UsageError(f"no encoder at {folder}: {told(error)}; make one there") from error
    except ValidationError as error:
        raise UsageError(f"{CARD} of the encoder {folder} is damaged: {told(error)}; make it again") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise UsageError(f"the statistics of the encoder {folder} are damaged: {told(error)}; make it again") from error
    tower = load_tower(folder / TOWER, device=device)
    if tower.width(card.layer) != card.width:
        raise UsageError(
            f"the encoder {folder} is damaged: its tower gives {tower.width(card.layer)} numbers, not {card.width}"
        )
    return GemmaEncoder(tower, card.layer, mean, scale, game=card.task, side=card.side, threads=threads)


def _numbers(values: torch.Tensor, width: int) -> NDArray[np.float32]:
    """Return statistics (width,) float32. Raises ValueError if they are others, or not finite."""
    if values.shape != (width,) or values.dtype != torch.float32 or not bool(torch.isfinite(values).all()):
        raise ValueError(f"expected {width} finite numbers")
    found: NDArray[np.float32] = values.numpy()
    return found

"""CLIP as an encoder: a picture's patches in the joint space, as a grid of latents of about unit size.

Its directory is one in open_clip's format, so that open_clip itself reads it, with two files more.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ouroloop.files import CARD_BYTES, check_regular, read_regular, regular
from ouroloop.perception.cells import check_pictures
from ouroloop.perception.clip.dense import check_tower, dense
from ouroloop.perception.clip.loading import HERE, HUB, load_clip
from ouroloop.perception.clip.model import WEIGHTS
from ouroloop.perception.clip.vetting import WEIGHTS_BYTES
from ouroloop.perception.encoders import REACH, check_side, told, typical_pictures, written
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.perception.camera import Camera
    from ouroloop.perception.clip.model import Clip
    from ouroloop.protocols.ports import Task

CARD: Final = "encoder.json"
SCALES: Final = "latents.safetensors"
SCALES_BYTES: Final = 1_000_000
LEAST: Final = 1e-6
"""Smallest standard deviation by which latents are divided."""


class EncoderCard(Frozen):
    """The contents of `encoder.json`.

    Args:
        name: of the CLIP.
        task: name of the game that it was trained on; empty for a model that takes any picture.
        side: cells per side of the boards that it was trained on; 0 for a model that takes any picture.
        weights: SHA-256 of the model's weights.
        latents: SHA-256 of the latents' means and standard deviations.
    """

    format: Literal["ouroloop-clip-encoder/1"] = "ouroloop-clip-encoder/1"
    name: str = Field(max_length=300)
    task: str = Field(default="", max_length=300)
    side: int = Field(ge=0, le=128)
    weights: str
    latents: str


class ClipEncoder:
    """Pictures to grids of latents, by the vision tower of a CLIP; see `encoders.Encoder`."""

    def __init__(self, clip: Clip, mean: NDArray[np.float32], std: NDArray[np.float32], side: int = 0, game: str = "") -> None:
        """Keep a model, and how its latents are scaled.

        Args:
            clip: the model; its vision tower is a ViT of open_clip's own.
            mean: (width,) float32, of the latents before they are scaled.
            std: (width,) float32, their standard deviations.
            side: cells per side of the boards that it was trained on; 0 if it takes any picture.
            game: that it was trained on; empty if it takes any picture.

        Raises:
            UsageError: the vision tower is of another kind.
        """
        check_tower(clip)
        self.clip, self.side, self.game = clip, side, game
        self.name = f"clip {clip.name}"
        self.width = clip.width
        self._mean, self._std = mean, std

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents: those of the model's patches, whatever the picture's size.

        Raises:
            UsageError: the model was trained on boards of another size.
        """
        check_side(self.name, self.side, side)
        rows, columns = self.clip.model.visual.grid_size
        return int(rows), int(columns)

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of pictures: (B, rows, columns, width) float32, each number within [-4, 4].

        Args:
            pixels: (B, H, H, 3) uint8, H a multiple of the side; another size than the model's is resized.
            side: cells per side of the boards in the pictures.

        Raises:
            UsageError: the pictures have another form, or the model was trained on boards of another size.
        """
        check_side(self.name, self.side, side)
        check_pictures(pixels, side)
        scaled: NDArray[np.float32] = (dense(self.clip, pixels) - self._mean) / self._std
        return scaled.clip(-REACH, REACH)

    def save(self, folder: Path) -> None:
        """Write the encoder into a folder that does not exist yet; it appears whole or not at all.

        Raises:
            SurroundingsError: the disk is full, or the folder cannot be written.
        """
        with written(folder, "the encoder") as half:
            self.write(half)

    def write(self, folder: Path) -> None:
        """Write the encoder's files into an existing folder."""
        self.clip.save(folder)
        scales = save({"mean": self._mean, "std": self._std})
        (folder / SCALES).write_bytes(scales)
        card = EncoderCard(
            name=plain_line(self.clip.name),
            task=self.game,
            side=self.side,
            weights=_hash(folder / WEIGHTS),
            latents=hashlib.sha256(scales).hexdigest(),
        )
        (folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")


def scaled_encoder(clip: Clip, pixels: NDArray[np.uint8], side: int = 0, game: str = "") -> ClipEncoder:
    """Return an encoder whose latents have mean zero and variance one, number by number, over some pictures.

    Args:
        clip: the model.
        pixels: (B, H, H, 3) uint8, typical pictures.
        side: see `ClipEncoder`.
        game: likewise.
    """
    found = dense(clip, pixels).reshape(-1, clip.width).astype(np.float64)
    mean, std = found.mean(0), np.maximum(LEAST, found.std(0))
    return ClipEncoder(clip, mean.astype(np.float32), std.astype(np.float32), side, game)


def make_encoder(given: str | Path, task: Task, camera: Camera, *, seed: int = 0) -> ClipEncoder:
    """Return the encoder of any CLIP, scaled by pictures of a game.

    Args:
        given: as for `load_clip`; pretrained weights stand after an `@`, as in `ViT-B-32@openai`.
        task: the game.
        camera: takes the pictures.
        seed: of the positions in them.

    Raises:
        UsageError: see `load_clip`, and `ClipEncoder`.
        SurroundingsError: see `load_clip`.
    """
    name, weights = _parted(str(given))
    return scaled_encoder(load_clip(name, weights), typical_pictures(task, camera, seed))


def _parted(given: str) -> tuple[str, str]:
    """Return a model's name and its pretrained weights; a path, and a name on the Hub, may have an `@` of their own."""
    if given.startswith((HERE, HUB)) or Path(given).expanduser().exists():
        return given, ""
    name, _, weights = given.partition("@")
    return name, weights


def load_encoder(folder: Path) -> ClipEncoder:
    """Return the encoder kept in a folder.

    Raises:
        UsageError: there is none, it is damaged, or it is of another kind.
    """
    try:
        card = EncoderCard.model_validate_json(read_regular(folder / CARD, CARD_BYTES))
        scales = read_regular(folder / SCALES, SCALES_BYTES)
        if card.weights != _hash(folder / WEIGHTS) or card.latents != hashlib.sha256(scales).hexdigest():
            raise ValueError(f"its files do not match {CARD}")
        kept = load(scales)
    except OSError as error:
        raise UsageError(f"no CLIP encoder in {folder}: {told(error)}; train one there, or name another folder") from error
    except (ValidationError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the CLIP encoder {folder} is damaged: {told(error)}; train or save it again") from error
    clip = load_clip(f"local-dir:{folder}")
    right = kept.keys() == {"mean", "std"} and all(part.shape == (clip.width,) for part in kept.values())
    if not right or any(part.dtype != np.float32 or not np.isfinite(part).all() for part in kept.values()):
        raise UsageError(f"the CLIP encoder {folder} is damaged: {SCALES} does not fit the model; train or save it again")
    clip = replace(clip, name=plain_line(card.name))
    return ClipEncoder(clip, kept["mean"], np.maximum(np.float32(LEAST), kept["std"]), card.side, card.task)


def _hash(path: Path) -> str:
    """Return the SHA-256 of a regular file, read piece by piece; raises OSError as `check_regular` does."""
    check_regular(path, WEIGHTS_BYTES)
    with regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

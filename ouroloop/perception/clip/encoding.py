"""CLIP as an encoder: a picture's patches in the joint space, as a grid of latents of about unit size.

Its directory is one in open_clip's format, so that open_clip itself reads it, with two files more.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ouroloop.atomic import whole_directory
from ouroloop.files import CARD_BYTES, check_regular, read_regular, regular
from ouroloop.perception.clip.dense import check_tower, dense
from ouroloop.perception.clip.loading import load_clip
from ouroloop.perception.clip.model import WEIGHTS
from ouroloop.perception.clip.vetting import WEIGHTS_BYTES
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.perception.clip.model import Clip

CARD: Final = "encoder.json"
SCALES: Final = "latents.safetensors"
SCALES_BYTES: Final = 1_000_000
LARGEST: Final = 4.0
"""No latent is farther from zero. What is rare, such as an apple on a large board, would be otherwise."""
LEAST: Final = 1e-6
"""Smallest standard deviation by which latents are divided."""


class EncoderCard(Frozen):
    """The contents of `encoder.json`.

    Args:
        name: of the CLIP.
        side: cells per side of the boards that it was trained on; 0 for a model that takes any picture.
        weights: SHA-256 of the model's weights.
        latents: SHA-256 of the latents' means and standard deviations.
    """

    format: Literal["ouroloop-clip-encoder/1"] = "ouroloop-clip-encoder/1"
    name: str = Field(max_length=300)
    side: int = Field(ge=0, le=128)
    weights: str
    latents: str


class ClipEncoder:
    """Pictures to grids of latents, by the vision tower of a CLIP; see `perception.eye.Encoder`."""

    def __init__(self, clip: Clip, mean: NDArray[np.float32], std: NDArray[np.float32], side: int = 0) -> None:
        """Keep a model, and how its latents are scaled.

        Args:
            clip: the model; its vision tower is a ViT of open_clip's own.
            mean: (width,) float32, of the latents before they are scaled.
            std: (width,) float32, their standard deviations.
            side: cells per side of the boards that it was trained on; 0 if it takes any picture.

        Raises:
            UsageError: the vision tower is of another kind.
        """
        check_tower(clip)
        self.clip, self.side = clip, side
        self.name = f"clip {clip.name}"
        self.width = clip.width
        self._mean, self._std = mean, std

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return the rows and columns of latents: those of the model's patches, whatever the picture's size.

        Raises:
            UsageError: the model was trained on boards of another size.
        """
        self._check(side)
        rows, columns = self.clip.model.visual.grid_size
        return int(rows), int(columns)

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of pictures: (B, rows, columns, width) float32, each number within [-4, 4].

        Args:
            pixels: (B, H, W, 3) uint8; another size than the model's is resized.
            side: cells per side of the boards in the pictures.

        Raises:
            UsageError: the pictures have another form, or the model was trained on boards of another size.
        """
        self._check(side)
        scaled: NDArray[np.float32] = (dense(self.clip, pixels) - self._mean) / self._std
        return scaled.clip(-LARGEST, LARGEST)

    def _check(self, side: int) -> None:
        if self.side and side != self.side:
            mine, wanted = f"{self.side}x{self.side}", f"{side}x{side}"
            raise UsageError(f"{self.name} was trained on boards of {mine}, not {wanted}: train one for {wanted}")

    def save(self, folder: Path) -> None:
        """Write the encoder into a folder that does not exist yet; it appears whole or not at all.

        Raises:
            SurroundingsError: the disk is full, or the folder cannot be written.
        """
        try:
            with whole_directory(folder, replace=False) as half:
                self.write(half)
        except OSError as error:
            raise SurroundingsError(
                f"cannot write the encoder {folder}: {error.strerror or error}; free some space or choose another place"
            ) from error

    def write(self, folder: Path) -> None:
        """Write the encoder's files into an existing folder."""
        self.clip.save(folder)
        scales = save({"mean": self._mean, "std": self._std})
        (folder / SCALES).write_bytes(scales)
        card = EncoderCard(
            name=plain_line(self.clip.name),
            side=self.side,
            weights=_hash(folder / WEIGHTS),
            latents=hashlib.sha256(scales).hexdigest(),
        )
        (folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")


def scaled_encoder(clip: Clip, pixels: NDArray[np.uint8], side: int = 0) -> ClipEncoder:
    """Return an encoder whose latents have mean zero and variance one, number by number, over some pictures.

    Args:
        clip: the model.
        pixels: (B, H, W, 3) uint8, typical pictures.
        side: see `ClipEncoder`.
    """
    found = dense(clip, pixels).reshape(-1, clip.width).astype(np.float64)
    mean, std = found.mean(0), np.maximum(LEAST, found.std(0))
    return ClipEncoder(clip, mean.astype(np.float32), std.astype(np.float32), side)


def load_encoder(folder: Path) -> ClipEncoder:
    """Return the encoder kept in a folder.

    Raises:
        UsageError: there is none, it is damaged, or it is of another kind.
    """
    try:
        card = EncoderCard.model_validate_json(read_regular(folder / CARD, CARD_BYTES))
        scales = read_regular(folder / SCALES, SCALES_BYTES)
        kept = load(scales)
        weights = _hash(folder / WEIGHTS)
    except (OSError, ValidationError, SafetensorError, ValueError) as error:
        line = plain_line(str(error).splitlines()[0], 160)
        raise UsageError(f"no CLIP encoder in {folder}: {line}; train one there, or name another folder") from error
    if card.weights != weights or card.latents != hashlib.sha256(scales).hexdigest():
        raise UsageError(f"the CLIP encoder {folder} is damaged: its files do not match {CARD}; train or save it again")
    clip = load_clip(f"local-dir:{folder}")
    right = kept.keys() == {"mean", "std"} and all(part.shape == (clip.width,) for part in kept.values())
    if not right or any(part.dtype != np.float32 or not np.isfinite(part).all() for part in kept.values()):
        raise UsageError(f"the CLIP encoder {folder} is damaged: {SCALES} does not fit the model; train or save it again")
    clip = replace(clip, name=plain_line(card.name))
    return ClipEncoder(clip, kept["mean"], np.maximum(np.float32(LEAST), kept["std"]), card.side)


def _hash(path: Path) -> str:
    """Return the SHA-256 of a regular file, read piece by piece; raises OSError as `check_regular` does."""
    check_regular(path, WEIGHTS_BYTES)
    with regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

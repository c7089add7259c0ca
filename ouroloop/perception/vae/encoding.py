"""The trained autoencoder as an encoder, and its folder: `weights.safetensors` and `vae.json`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
import torch
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load, save

from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.perception.cells import check_pictures, torch_threads
from ouroloop.perception.encoders import REACH, check_side, told, written
from ouroloop.perception.optics import resized
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.perception.vae.network import Vae, blank
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

CARD: Final = "vae.json"
WEIGHTS: Final = "weights.safetensors"
WEIGHTS_BYTES: Final = 256_000_000
HEAD_BYTES: Final = 65_536
"""More than the head of a file of weights takes, which names them."""
LEAST: Final = 1e-3
"""Least deviation of a latent: one that the training left unused stays small."""
CHUNK: Final = 64
"""Pictures that go through the network at once."""


class VaeCard(Frozen):
    """The contents of `vae.json`.

    Args:
        task: name of the game whose pictures it was trained on.
        side: cells per side of their boards.
        seed: of the training.
        parameters: trained numbers in the network.
        error: root mean square error of a pixel on held-out pictures, as a share of full scale.
        means: of each latent over the training's pictures.
        deviations: likewise.
        sha256: of the weights file.
        config: of network and training.
    """

    format: Literal["ouroloop-vae/1"] = "ouroloop-vae/1"
    task: str = Field(max_length=300)
    side: int = Field(ge=1, le=128)
    seed: int
    parameters: int
    error: float
    means: tuple[Annotated[float, Field(ge=-1e9, le=1e9)], ...] = Field(max_length=4096)
    deviations: tuple[Annotated[float, Field(ge=LEAST, le=1e9)], ...] = Field(max_length=4096)
    sha256: str
    config: VaeConfig

    @model_validator(mode="after")
    def _complete(self) -> VaeCard:
        if {len(self.means), len(self.deviations)} != {self.config.latents}:
            raise ValueError(f"expected a mean and a deviation of each of {self.config.latents} latents")
        return self


class VaeEncoder:
    """Gives a picture one latent, the means of a trained autoencoder, standardised; an `encoders.Encoder`."""

    name = "vae"

    def __init__(self, card: VaeCard, model: Vae) -> None:
        """Keep a card and a trained network."""
        self.card, self.width, self.game = card, card.config.latents, card.task
        self._model = model.eval().requires_grad_(False)
        self._mean, self._deviation = np.array(card.means, np.float32), np.array(card.deviations, np.float32)

    def grid(self, side_px: int, side: int) -> tuple[int, int]:
        """Return 1, 1; raises UsageError for boards of another size than those that it was trained on."""
        check_side("the autoencoder", self.card.side, side)
        return 1, 1

    def latents(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return the latents of pictures (B, H, H, 3) uint8: (B, 1, 1, width) float32 within [-4, 4].

        Raises:
            UsageError: the pictures have another form, or show boards of another size than those that it was trained on.
        """
        check_side("the autoencoder", self.card.side, side)
        check_pictures(pixels, side)
        found = np.zeros((len(pixels), self.width), np.float32)
        with torch_threads(1), torch.inference_mode():
            for at in range(0, len(pixels), CHUNK):
                part = pictures(pixels[at : at + CHUNK], self.card.config.image_px)
                found[at : at + CHUNK] = self._model.encode(part)[0].numpy()
        scaled: NDArray[np.float32] = np.clip((found - self._mean) / self._deviation, -REACH, REACH)
        return scaled[:, None, None, :]

    def save(self, folder: Path) -> None:
        """Write the encoder into a folder that does not exist yet; raises SurroundingsError if it cannot be written."""
        with written(folder, "the encoder") as half:
            write(half, self.card, weights_of(self._model))


def pictures(pixels: NDArray[np.uint8], side_px: int) -> torch.Tensor:
    """Return pictures (B, H, W, 3) uint8 at another size, as (B, 3, side_px, side_px) float32 in [0, 1]."""
    small = np.ascontiguousarray(resized(pixels, side_px, side_px))
    return torch.from_numpy(small).permute(0, 3, 1, 2).float().div_(255.0)


def weights_of(model: Vae) -> bytes:
    """Return a network's weights as a safetensors file."""
    data: bytes = save({name: weight.contiguous() for name, weight in model.state_dict().items()})
    return data


def write(folder: Path, card: VaeCard, weights: bytes) -> None:
    """Write card and weights into an existing folder."""
    (folder / WEIGHTS).write_bytes(weights)
    (folder / CARD).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def check_size(config: VaeConfig) -> None:
    """Raise UsageError if the weights of a network would be too large a file to be read again."""
    size = 4 * sum(weight.numel() for weight in blank(config).parameters())
    if size > WEIGHTS_BYTES - HEAD_BYTES:
        named = f"image_px = {config.image_px}, width = {config.width} and latents = {config.latents}"
        raise UsageError(
            f"an autoencoder with {named} has {size // 10**6} MB of weights, at most {WEIGHTS_BYTES // 10**6} MB are read: "
            "make one of the three smaller"
        )


def load_encoder(folder: Path) -> VaeEncoder:
    """Return the encoder in a folder, which may come from a stranger. No network is made before the weights are checked.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    try:
        card = VaeCard.model_validate_json(read_regular(folder / CARD, 4 * CARD_BYTES))
        weights = read_regular(folder / WEIGHTS, WEIGHTS_BYTES)
        if hashlib.sha256(weights).hexdigest() != card.sha256:
            raise ValueError(f"{WEIGHTS} does not match {CARD}")
        model = blank(card.config)
        model.load_state_dict(_checked(load(weights)), assign=True)
    except OSError as error:
        raise UsageError(f"no autoencoder at {folder}: {told(error)}; `ouroloop train vae` makes one") from error
    except (ValidationError, SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"the autoencoder {folder} is damaged: {told(error)}; train it again") from error
    return VaeEncoder(card, model)


def _checked(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights as they are; raises ValueError if one is of another type than was written, or not finite."""
    for name, weight in weights.items():
        if weight.dtype != torch.float32 or not bool(torch.isfinite(weight).all()):
            raise ValueError(f"{plain_line(name, 60)} is no finite float32")
    return weights

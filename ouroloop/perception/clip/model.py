"""A CLIP that is ready to use: pictures and texts to vectors of one space."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from ouroloop.perception.cells import torch_threads
from ouroloop.perception.encoders import check_square

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Tokenize = Callable[[Sequence[str]], torch.Tensor]
    """Texts to ids: (N, context) int64."""

CONFIG: Final = "open_clip_config.json"
WEIGHTS: Final = "open_clip_model.safetensors"
CHUNK_TOKENS: Final = 8192
"""Tokens that go through a tower at once."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A model of open_clip with what is done to its inputs.

    Args:
        name: of the model, for errors.
        model: open_clip's `CLIP` or `CustomTextCLIP`.
        config: the text of `open_clip_config.json`.
        width: numbers of the joint space.
        mean: of the pictures that it was trained on, per channel, in [0, 1].
        std: their standard deviation.
        tokenize: texts to ids, as the model's text tower takes them.
    """

    name: str
    model: Any
    config: str
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tokenize: Tokenize

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of the pictures that the vision tower takes."""
        size = self.model.visual.image_size
        return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))

    def inputs(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        """Return pictures (B, H, H, 3) uint8 as the vision tower takes them: (B, 3, *size) float32.

        A picture of another size is resized as a whole; nothing is cut off, because every cell counts.

        Raises:
            UsageError: they are no such pictures.
        """
        check_square(pixels)
        images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255.0)
        if images.shape[2:] != self.size:
            images = functional.interpolate(images, self.size, mode="bicubic", antialias=True).clamp_(0, 1)
        mean, std = (torch.tensor(three).view(3, 1, 1) for three in (self.mean, self.std))
        return images.sub_(mean).div_(std)

    def over(self, pixels: NDArray[np.uint8], forward: Callable[[torch.Tensor], torch.Tensor]) -> NDArray[np.float32]:
        """Return what `forward` makes of pictures (B, H, H, 3) uint8 as the vision tower takes them, chunk by chunk."""
        if not len(pixels):  # a tower cannot reshape nothing: one picture tells the shape of none
            return self.over(np.zeros((1, 8, 8, 3), np.uint8), forward)[:0]
        chunk = max(1, CHUNK_TOKENS // self._patches())
        with torch_threads(1), torch.inference_mode():
            starts = range(0, len(pixels), chunk)
            out: NDArray[np.float32] = torch.cat([forward(self.inputs(pixels[at : at + chunk])) for at in starts]).numpy()
        return out

    def _patches(self) -> int:
        """Return the tokens of a picture; towers that do not say so have about 50."""
        rows, columns = getattr(self.model.visual, "grid_size", (7, 7))
        return int(rows * columns) + 1

    def of_pictures(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors of pictures (B, H, H, 3) uint8: (B, width) float32 of length 1."""
        return self.over(pixels, lambda images: self.model.encode_image(images, normalize=True))

    def of_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts: (N, width) float32 of length 1; a text beyond the context is cut off."""
        ids = self.tokenize(list(texts))
        chunk = max(1, CHUNK_TOKENS // ids.shape[1])
        with torch_threads(1), torch.inference_mode():
            parts = [self.model.encode_text(part, normalize=True) for part in ids.split(chunk)]
            out: NDArray[np.float32] = torch.cat(parts).numpy()
        return out

    def save(self, folder: Path) -> None:
        """Write the model into an existing folder in open_clip's format, which `local-dir:` reads."""
        (folder / CONFIG).write_text(self.config, encoding="utf-8")
        weights = {name: weight.contiguous() for name, weight in self.model.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        keep = getattr(self.tokenize, "save_pretrained", None)
        if keep is not None:
            keep(str(folder))


def ready(name: str, model: Any, config: dict[str, Any], tokenize: Tokenize) -> Clip:
    """Return a model of open_clip as a `Clip`; `config` has the contents of `open_clip_config.json`."""
    preprocess = config["preprocess_cfg"]
    width, mean, std = int(config["model_cfg"]["embed_dim"]), tuple(preprocess["mean"]), tuple(preprocess["std"])
    return Clip(name, model, json.dumps(config, indent=1), width, mean, std, tokenize)

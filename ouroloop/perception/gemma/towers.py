"""A Gemma's vision tower and projector without the decoder: a tenth of the weights, and all that an encoder needs."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel

from ouroloop.hub import find_model
from ouroloop.perception.encoders import check_square
from ouroloop.perception.gemma.config import Precision
from ouroloop.perception.gemma.loading import check_device, class_of, guarded, read_weights, vet_gemma
from ouroloop.protocols.errors import SurroundingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Layer: TypeAlias = Literal["projected", "tower"]
"""Where latents are taken: after the projector into the decoder's space, or before it, averaged over the same cells."""
PROJECTORS: Final[Mapping[str, tuple[str, str]]] = {
    "gemma3": ("Gemma3", "multi_modal_projector"),
    "gemma4": ("Gemma4", "embed_vision"),
}
"""`model_type` -> how its classes begin, and the name of its projector. Other kinds have no SigLIP-like tower apart."""


@dataclass(frozen=True, slots=True)
class Tower:
    """A loaded vision tower with its projector.

    Args:
        model: has `vision_tower`, and the projector under the name that `PROJECTORS` gives.
        images: makes its inputs of pictures.
        kind: the `model_type`.
        name: as the user gave it.
        device: where the model is, as torch names it.
    """

    model: Any
    images: Any
    kind: str
    name: str
    device: str

    def width(self, layer: Layer) -> int:
        """Return the numbers of a latent."""
        config = self.model.config
        return int((config.text_config if layer == "projected" else config.vision_config).hidden_size)

    def features(self, pixels: NDArray[np.uint8], layer: Layer) -> Tensor:
        """Return the latents of square pictures (B, H, H, 3) uint8: (B, rows, columns, width) float32, on the CPU.

        Raises:
            UsageError: the pictures have another shape or type.
        """
        inputs = prepared(self.images, pixels)
        with torch.inference_mode():
            values = inputs["pixel_values"].to(self.device, self.model.dtype)
            found = self._pooled(values, layer) if self.kind == "gemma3" else self._soft(values, inputs, layer)
        side = math.isqrt(found.shape[1])
        return found.float().cpu().reshape(len(pixels), side, side, -1)

    def _pooled(self, values: Tensor, layer: Layer) -> Tensor:
        """Return a Gemma-3's image tokens (B, N, width): its tower gives patches, its projector averages blocks of them."""
        hidden = self.model.vision_tower(pixel_values=values).last_hidden_state
        if layer == "projected":
            projected: Tensor = self.model.multi_modal_projector(hidden)
            return projected
        patches = math.isqrt(hidden.shape[1])
        block = patches // math.isqrt(self.model.config.mm_tokens_per_image)
        picture = hidden.transpose(1, 2).reshape(len(hidden), -1, patches, patches)
        pooled: Tensor = functional.avg_pool2d(picture, block).flatten(2).transpose(1, 2)
        return pooled

    def _soft(self, values: Tensor, inputs: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Return a Gemma-4's image tokens (B, N, width): its tower averages blocks itself, and gives all pictures' in a row."""
        places = inputs["image_position_ids"].to(self.device)
        hidden = self.model.vision_tower(pixel_values=values, pixel_position_ids=places).last_hidden_state
        found: Tensor = self.model.embed_vision(inputs_embeds=hidden) if layer == "projected" else hidden
        return found.reshape(len(values), -1, found.shape[-1])


def load_tower(name_or_dir: str | Path, *, dtype: Precision = "auto", device: str = "cpu", revision: str = "") -> Tower:
    """Return the vision tower and projector of a checkpoint; the rest of its weights is not read.

    Args:
        name_or_dir: as for `load_gemma`, or what `save_tower` wrote.
        dtype: of the weights.
        device: as torch names it.
        revision: of a model on the Hub.

    Raises:
        UsageError: there is no such directory, the checkpoint is of another kind, or it is damaged.
        SurroundingsError: the cache does not have the model, or transformers, the device or the memory is lacking.
    """
    check_device(device)
    name = str(name_or_dir)
    folder, _ = find_model(name, revision)
    kind = vet_gemma(folder, name, tuple(PROJECTORS))
    maker = class_of(f"{PROJECTORS[kind][0]}ImageProcessor", name)
    images = guarded("image processor", name, maker.from_pretrained, folder, local_files_only=True)
    model = read_weights(tower_class(kind), folder, name, dtype=dtype, device_map={"": device})
    return Tower(model.eval().requires_grad_(False), images, kind, name, device)


def save_tower(tower: Tower, folder: Path) -> None:
    """Write a tower into a directory that exists, in the form of a checkpoint that lacks the decoder."""
    tower.model.save_pretrained(folder)
    tower.images.save_pretrained(folder)


@cache
def tower_class(kind: str) -> Any:
    """Return a `transformers` class that is a Gemma but for its decoder. Raises SurroundingsError if the version lacks it."""
    prefix, projector = PROJECTORS[kind]
    try:
        module = importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
    except ImportError as error:
        raise SurroundingsError(f"the installed transformers has no {kind}: `pip install -U transformers`") from error

    class TowerAlone(getattr(module, f"{prefix}PreTrainedModel")):  # type: ignore[misc]
        """The parts of the whole model, under their own names, so that its weights fit."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.vision_tower = AutoModel.from_config(config.vision_config)
            part = (
                module.Gemma3MultiModalProjector(config)
                if kind == "gemma3"
                else module.Gemma4MultimodalEmbedder(config.vision_config, config.text_config)
            )
            setattr(self, projector, part)
            self.post_init()

    return TowerAlone


def prepared(images: Any, pixels: NDArray[np.uint8]) -> Mapping[str, Tensor]:
    """Return what an image processor makes of square pictures (B, H, H, 3) uint8, at least one.

    Raises:
        UsageError: the pictures have another shape or type, or there are none.
    """
    check_square(pixels)
    if not len(pixels):
        raise UsageError("there are no pictures: give at least one")
    channels_first = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
    found: Mapping[str, Tensor] = guarded(
        "picture", "the input", images, channels_first, input_data_format="channels_first", return_tensors="pt"
    )
    return found

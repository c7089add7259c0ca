"""What the small CLIP is trained by: open_clip's loss between each two of image, text and state, and a loss of the phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from open_clip.loss import ClipLoss
from torch import Tensor, nn
from torch.nn import functional

from ouroloop.perception.clip.dense import patch_features
from ouroloop.perception.clip.states import texts_of

if TYPE_CHECKING:
    from ouroloop.perception.camera import Camera
    from ouroloop.perception.clip.config import States
    from ouroloop.perception.clip.model import Clip
    from ouroloop.protocols.records import Observations

SHARPNESS: Final = 20.0
"""What a phrase's cosines with cells are multiplied by before the softmax."""


class StateCode(nn.Module):  # type: ignore[misc]
    """A vector for each pair of cell and class; a state is the sum of those that it consists of, and of one for all states.

    Two towers that begin at random have no code in common, and are slow to invent one: each learns from the other's noise. This
    table is a code that is there at once. Both towers are aligned with it, as well as with each other, and it is given up
    after the training. On 4x4, 600 steps bring 99 % of images to their text with it, 47 % without (`docs/clip.md`).
    """

    def __init__(self, cells: int, classes: int, width: int, generator: torch.Generator) -> None:
        """Draw the vectors, of `width` numbers, for boards of `cells` cells of `classes` classes.

        They begin small, so that optimiser steps soon change them; the vector for all takes away what all states share.
        """
        super().__init__()
        bound = (cells * classes) ** -0.5
        self.table = nn.Parameter(torch.empty(cells * classes, width).uniform_(-bound, bound, generator=generator))
        self.common = nn.Parameter(torch.zeros(width))
        self._first = torch.arange(cells) * classes

    def forward(self, classes: Tensor) -> Tensor:
        """Return the vectors of states whose cells have these classes, (B, C) int64: (B, width) of length 1."""
        summed = functional.embedding_bag(self._first + classes, self.table, mode="sum")
        return functional.normalize(summed + self.common, dim=-1)


def losses(clip: Clip, code: StateCode, camera: Camera, boards: Observations, states: States) -> dict[str, Tensor]:
    """Return the losses of a batch, in nats.

    Returns:
        contrast: CLIP's loss between images and texts.
        bridge: the mean of CLIP's losses between images and states, and between states and texts.
        dense: see `phrase_loss`.
    """
    model, sight = clip.model, camera.sight
    patches = patch_features(model.visual, clip.inputs(camera.look(boards)))
    images = functional.normalize(patches.mean(1), dim=-1)  # what `encode_image` gives, since this tower pools by the mean
    texts = texts_of(camera.task, boards, states)
    told = model.encode_text(clip.tokenize([*texts, *sight.phrases]), normalize=True)
    told, phrases = told[: len(texts)], told[len(texts) :]
    coded = code(torch.from_numpy(sight.label(boards)).long())
    apart, scale = ClipLoss(), model.logit_scale.exp()
    marked = torch.from_numpy(np.stack([sight.marked(phrase, boards) for phrase in sight.phrases], axis=-1))
    return {
        "contrast": apart(images, told, scale),
        "bridge": (apart(images, coded, scale) + apart(coded, told, scale)) / 2,
        "dense": phrase_loss(functional.normalize(patches, dim=-1) @ phrases.T, marked),
    }


def phrase_loss(cosines: Tensor, marked: Tensor) -> Tensor:
    """Return how far phrases are from weighing the cells that they name equally, and no others: a mean divergence in nats.

    Args:
        cosines: (B, C, P) float32, of each cell with each phrase.
        marked: (B, C, P) bool, the cells that a phrase names; a phrase that names none does not count.
    """
    count = marked.sum(1)
    shares = functional.log_softmax(SHARPNESS * cosines, dim=1)
    divergence = -(shares * marked).sum(1) / count.clamp(min=1) - count.clamp(min=1).log()
    return divergence[count > 0].mean()

"""Latents to embeddings: ids are unfolded, 2x2 neighbours become one, and a projector of two layers makes each an embedding.

Folding 2x2 neighbours into the channels is pixel shuffle (Shi et al. 2016), as InternVL (Chen et al. 2024) and Idefics3
(Laurencon et al. 2024) use it; the projector is LLaVA-1.5's (Liu et al. 2023). The closing embedding, from which the policy
answers, begins with a glance at the whole picture. Without it the first layer would only find the head and the food, and a
policy of two layers would have a single one left to decide.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ouroloop.policy.fusion.layout import NUMBERS
from ouroloop.policy.fusion.written import LEVELS, REACH

if TYPE_CHECKING:
    from ouroloop.policy.fusion.layout import Layout


GLANCES: Final = 4
"""Places of a picture that the closing can look at before the first layer."""


class Glance(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Attention pooling: learned queries look at a picture's tokens, and what they find is one embedding."""

    def __init__(self, hidden: int) -> None:
        """Build the layers for embeddings of `hidden` numbers."""
        super().__init__()
        self.queries = nn.Embedding(GLANCES, hidden)
        self.pair = nn.Linear(hidden, 2 * hidden)
        self.out = nn.Linear(GLANCES * hidden, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what is found: (B, T, hidden) to (B, hidden)."""
        keys, values = self.pair(tokens).chunk(2, dim=2)
        weights = (self.queries.weight @ keys.transpose(1, 2) / math.sqrt(keys.shape[2])).softmax(dim=2)
        found: Tensor = self.out((weights @ values).flatten(1))
        return found


class Folding(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Prompts as embeddings. Each place of the grid has a learned embedding of its own, for row and column together."""

    def __init__(self, layout: Layout, hidden: int, first: int) -> None:
        """Build the layers.

        Args:
            layout: of the prompts.
            hidden: width of an embedding.
            first: the first id that is a written number: the size of the vocabulary.
        """
        super().__init__()
        self.layout, self.first = layout, first
        self.widen = nn.Linear(layout.folded_width, layout.inner)
        self.narrow = nn.Linear(layout.inner, layout.spread * hidden)
        self.places = nn.Embedding(layout.tokens, hidden)
        self.frame = nn.Embedding(2, hidden)
        self.glance = Glance(hidden)
        self.memory = nn.Linear(layout.memory, hidden, bias=False) if layout.memory else None

    def forward(self, ids: Tensor) -> Tensor:
        """Return the embeddings of prompts: (B, prompt) int64 to (B, length, hidden).

        Raises:
            ValueError: the ids are not prompts of this layout.
        """
        layout = self.layout
        if ids.shape[1] != layout.prompt:
            raise ValueError(f"a prompt of {ids.shape[1]} ids, expected {layout.prompt}")
        seen = ids[:, 1 : 1 + layout.written].unflatten(1, (layout.rows, layout.columns, layout.ids_each))
        picture = self.picture(self.numbers(seen, layout.width))
        frame = self.frame.weight.expand(len(ids), -1, -1)
        closing = frame[:, 1:] + self.glance(picture)[:, None]
        if self.memory is not None:
            kept = ids[:, 1 + layout.written : -1]
            closing = closing + self.memory(self.numbers(kept, layout.memory))[:, None]
        return torch.cat([frame[:, :1], picture, closing], dim=1)

    def numbers(self, ids: Tensor, width: int) -> Tensor:
        """Return what ids say: (..., ceil(width / 3)) int64 to (..., width) in the weights' type; see `written.read`."""
        shifts = torch.arange(8 * (NUMBERS - 1), -1, -8, device=ids.device)
        levels = (ids[..., None] - self.first >> shifts).remainder(LEVELS).flatten(-2)[..., :width]
        return levels.to(self.widen.weight.dtype) * (2 * REACH / (LEVELS - 1)) - REACH

    def picture(self, latents: Tensor) -> Tensor:
        """Return the embeddings of pictures: (B, rows, columns, width) to (B, tokens, hidden)."""
        folded = shuffled(latents, self.layout.shuffle).flatten(1, 2)
        found = self.narrow(functional.gelu(self.widen(folded)))
        return found.unflatten(2, (self.layout.spread, -1)).flatten(1, 2) + self.places.weight


def shuffled(latents: Tensor, times: int) -> Tensor:
    """Return latents with 2x2 neighbours folded into one: (B, R, C, W) to (B, ceil(R / 2), ceil(C / 2), 4 W), and again.

    A grid of odd sides is continued with zeros.
    """
    for _ in range(times):
        rows, columns = latents.shape[1:3]
        whole = functional.pad(latents, (0, 0, 0, columns % 2, 0, rows % 2))
        pairs = whole.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        latents = pairs.permute(0, 1, 3, 2, 4, 5).flatten(3)
    return latents

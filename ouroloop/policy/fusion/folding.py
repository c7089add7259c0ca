"""Latents to embeddings: ids are unfolded, 2x2 neighbours become one, and a projector of two layers makes each an embedding.

Folding 2x2 neighbours into the channels is pixel shuffle (Shi et al. 2016), as InternVL (Chen et al. 2024) and Idefics3
(Laurencon et al. 2024) use it; the projector is LLaVA-1.5's (Liu et al. 2023). Where a grid has places, they are also counted
from its focus; see `focus`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from ouroloop.policy.fusion.focus import Focus
from ouroloop.policy.fusion.layout import NUMBERS
from ouroloop.policy.fusion.written import LEVELS, REACH

if TYPE_CHECKING:
    from ouroloop.policy.fusion.layout import Layout


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
        self.memory = nn.Linear(layout.memory, hidden, bias=False) if layout.memory else None
        self.focus = Focus(layout.folded, layout.inner, hidden) if layout.focused else None

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the embeddings of prompts, and where the focus of the pictures may be.

        Args:
            ids: (B, prompt) int64.

        Returns:
            embeddings (B, length, hidden), and logits over the places (B, tokens); None without places.

        Raises:
            ValueError: the ids are not prompts of this layout.
        """
        layout = self.layout
        if ids.shape[1] != layout.prompt:
            raise ValueError(f"a prompt of {ids.shape[1]} ids, expected {layout.prompt}")
        seen = ids[:, 1 : 1 + layout.written].unflatten(1, (layout.rows, layout.columns, layout.ids_each))
        folded = shuffled(self.numbers(seen, layout.width), layout.shuffle).flatten(1, 2)
        kept = None if self.memory is None else self.numbers(ids[:, 1 + layout.written : -1], layout.memory)
        return self.joined(folded, kept)

    def joined(self, folded: Tensor, kept: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what `forward` does, of folded latents.

        Args:
            folded: (B, places, folded width).
            kept: (B, memory), what no picture shows; None if there is nothing of that kind.
        """
        inner = functional.gelu(self.widen(folded))
        picture = self.narrow(inner).unflatten(2, (self.layout.spread, -1)).flatten(1, 2) + self.places.weight
        frame = self.frame.weight.expand(len(folded), -1, -1)
        closing, logits = frame[:, 1:], None
        if self.memory is not None:
            closing = closing + self.memory(kept)[:, None]
        if self.focus is not None:
            logits, around, here = self.focus(inner)
            picture, closing = picture + around, closing + here[:, None]
        return torch.cat([frame[:, :1], picture, closing], dim=1), logits

    def numbers(self, ids: Tensor, width: int) -> Tensor:
        """Return what ids say: (..., ceil(width / 3)) int64 to (..., width) in the weights' type; see `written.read`."""
        shifts = torch.arange(8 * (NUMBERS - 1), -1, -8, device=ids.device)
        levels = (ids[..., None] - self.first >> shifts).remainder(LEVELS).flatten(-2)[..., :width]
        return levels.to(self.widen.weight.dtype) * (2 * REACH / (LEVELS - 1)) - REACH


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

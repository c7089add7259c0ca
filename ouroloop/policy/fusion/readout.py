"""The board read back from a model's last states over a picture: an auxiliary task, which says what the policy has seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from ouroloop.policy.fusion.layout import Layout


class Readout(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """The class of each cell.

    If each latent is a cell, a token tells the classes of the cells that were folded into it. Otherwise every cell has a
    query of its own, which attends to the tokens.
    """

    def __init__(self, layout: Layout, hidden: int) -> None:
        """Build the layers for states of `hidden` numbers."""
        super().__init__()
        self.layout = layout
        self.queries = None if layout.aligned else nn.Embedding(layout.side**2, hidden)
        self.classes = nn.Linear(hidden, layout.classes * (4**layout.shuffle if layout.aligned else 1))

    def forward(self, states: Tensor) -> Tensor:
        """Return class logits: the states of a picture's tokens (B, tokens, hidden) to (B, side * side, classes)."""
        if self.queries is not None:
            weights = (self.queries.weight @ states.transpose(1, 2) / math.sqrt(states.shape[2])).softmax(dim=2)
            return self.classes(weights @ states)
        layout = self.layout
        told: Tensor = self.classes(states).unflatten(1, layout.folded)
        for _ in range(layout.shuffle):
            apart = told.unflatten(3, (2, 2, -1)).permute(0, 1, 3, 2, 4, 5)
            told = apart.flatten(3, 4).flatten(1, 2)
        return told[:, : layout.side, : layout.side].flatten(1, 2)

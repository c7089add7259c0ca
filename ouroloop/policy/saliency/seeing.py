"""The prompts of a policy that sees: the latents of its picture, which can be taken out one by one.

A fused model makes embeddings of latents in ways that let places know of each other, such as the focus that all are counted
from. So the units here are the latents themselves, as the projector gets them: gradients reach them by every way that they
have to the answer, and a latent that is taken out is out of all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ouroloop.policy.bases.player import plain_model
from ouroloop.policy.fusion.folding import shuffled
from ouroloop.policy.saliency.places import flush_right, grid_cells
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.fusion.layout import Layout
    from ouroloop.policy.fusion.model import FusedOutput
    from ouroloop.policy.fusion.seeing import Seeing
    from ouroloop.protocols.records import Observations


class Gaze:
    """A seeing policy as one that embeds positions itself: a `prompts.Embedding`, and a `Located`.

    Args:
        policy: the policy that sees.

    Raises:
        UsageError: its eye gives latents of no place, such as one for the whole picture.
    """

    def __init__(self, policy: Seeing) -> None:
        """Keep the policy."""
        layout = policy.layout
        if layout.spread > 1 or layout.tokens == 1:
            raise UsageError("the eye of this policy sees a picture as a whole, so there are no places to show: give it a grid")
        self._policy, self.reader = policy, Reader(plain_model(policy.model))
        self.actions, self.cells = policy.actions, layout.side**2

    def embed(self, observations: Observations) -> tuple[Tensor, Tensor, Tensor]:
        """Return the prompts: an opening of zeros, the folded latents, and what no picture shows; see `prompts.Embedding`.

        What stands where a latent is taken out is zeros: eyes scale their latents so that this is the mean.
        """
        layout, fused = self._policy.layout, self.reader.fused
        ids = torch.from_numpy(self._policy.encode(observations)[0]).long().to(fused.device)
        folding, cut = fused.folding, 1 + layout.written
        seen = ids[:, 1:cut].unflatten(1, (layout.rows, layout.columns, layout.ids_each))
        folded = shuffled(folding.numbers(seen, layout.width), layout.shuffle).flatten(1, 2)
        width = max(layout.folded_width, layout.memory)
        closing = folding.numbers(ids[:, cut:-1], layout.memory)[:, None] if layout.memory else folded[:, :1] * 0
        parts = [functional.pad(part, (0, width - part.shape[2])) for part in (folded[:, :1] * 0, folded, closing)]
        units = torch.cat(parts, dim=1)
        return units, torch.ones(units.shape[:2], dtype=torch.bool, device=ids.device), torch.zeros_like(units[0])

    def cells_of(self, observations: Observations) -> NDArray[np.int32]:
        """Return the cells of each unit: (B, L, K) int32; the opening and the closing have none."""
        own = flush_right([[(), *picture_cells(self._policy.layout), ()]])
        return np.repeat(own, len(observations), axis=0)


class Reader(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A fused model that reads latents, and heeds a mask.

    Args:
        fused: a `FusedForCausalLM`.
    """

    def __init__(self, fused: Any) -> None:
        """Keep the model, in its mode."""
        super().__init__()
        self.fused, self.config = fused, fused.config
        self.train(fused.training)

    def set_attn_implementation(self, name: str) -> None:
        """Choose how the model computes attention."""
        self.fused.set_attn_implementation(name)

    def forward(
        self, inputs_embeds: Tensor, attention_mask: Tensor, use_cache: bool = False, logits_to_keep: int = 1, **more: Any
    ) -> FusedOutput:
        """Return the logits after prompts, as `transformers` models do.

        Args:
            inputs_embeds: (B, L, D), as `Gaze.embed` returns them.
            attention_mask: (B, L), 0 for places that no place attends to.
            use_cache: not looked at.
            logits_to_keep: the number of last positions whose logits are returned.
            more: passed on to the Llama.
        """
        from ouroloop.policy.fusion.model import FusedOutput

        layout, folding = self.fused.layout, self.fused.folding
        kept = inputs_embeds[:, -1, : layout.memory] if layout.memory else None
        embeds, _ = folding.joined(inputs_embeds[:, 1:-1, : layout.folded_width], kept)
        mask, hidden = self.fused.mask(embeds), attention_mask[:, None, None] == 0
        found = self.fused.model(
            inputs_embeds=embeds,
            attention_mask=mask.masked_fill(hidden, torch.finfo(embeds.dtype).min),
            position_ids=torch.arange(embeds.shape[1], device=embeds.device)[None],
            use_cache=False,
            **more,
        )
        logits = self.fused.lm_head(found.last_hidden_state[:, -logits_to_keep:])
        return FusedOutput(logits=logits, hidden_states=found.hidden_states, attentions=found.attentions)


def picture_cells(layout: Layout) -> list[tuple[int, ...]]:
    """Return the cells that each place of a folded grid covers: those of all latents that are folded into it."""
    own = grid_cells(layout.rows, layout.columns, layout.side).reshape(layout.rows, layout.columns, -1)
    step, places = 2**layout.shuffle, list[tuple[int, ...]]()
    for row in range(layout.folded[0]):
        for column in range(layout.folded[1]):
            block = own[row * step : (row + 1) * step, column * step : (column + 1) * step]
            places.append(tuple(sorted({int(cell) for cell in block.ravel() if cell >= 0})))
    return places

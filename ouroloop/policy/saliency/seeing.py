"""The prompts of a policy that sees: the tokens of its picture, which can be taken out one by one.

A fused model's closing embedding begins with a glance at the whole picture. Here the closing is kept without it, and the reader
adds it, so that gradients reach the picture through the glance as well, and a token that is taken out is out of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ouroloop.policy.bases.player import plain_model
from ouroloop.policy.saliency.places import flush_right, grid_cells

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
    """

    def __init__(self, policy: Seeing) -> None:
        """Keep the policy."""
        self._policy, self.reader = policy, Reader(plain_model(policy.model))
        self.actions, self.cells = policy.actions, policy.layout.side**2

    def embed(self, observations: Observations) -> tuple[Tensor, Tensor, Tensor]:
        """Return the prompts without their glances, (B, L, D); a mask, all true; the prompt of a picture that shows nothing.

        Such a picture has latents of zero, which eyes scale to be the mean, and the tokens keep their places.
        """
        layout, fused = self._policy.layout, self.reader.fused
        ids = torch.from_numpy(self._policy.encode(observations)[0]).long().to(fused.device)
        folding, cut = fused.folding, 1 + layout.written
        latents = folding.numbers(ids[:, 1:cut].unflatten(1, (layout.rows, layout.columns, layout.ids_each)), layout.width)
        memory = folding.numbers(ids[:, cut:-1], layout.memory) if layout.memory else None
        embeddings = _framed(folding, latents, memory)
        neutral = _framed(folding, torch.zeros_like(latents[:1]), None if memory is None else torch.zeros_like(memory[:1]))
        return embeddings, torch.ones(embeddings.shape[:2], dtype=torch.bool, device=ids.device), neutral[0]

    def cells_of(self, observations: Observations) -> NDArray[np.int32]:
        """Return the cells of each token: (B, L, K) int32; the opening and the closing have none."""
        own = flush_right([[(), *picture_cells(self._policy.layout), ()]])
        return np.repeat(own, len(observations), axis=0)


class Reader(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A fused model that reads prompts without their glances, and heeds a mask.

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

        glance = self.fused.folding.glance(inputs_embeds[:, 1:-1])[:, None]
        embeds = torch.cat([inputs_embeds[:, :-1], inputs_embeds[:, -1:] + glance], dim=1)
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
    """Return the cells that each token of a picture covers: those of all latents that are folded into it."""
    own = grid_cells(layout.rows, layout.columns, layout.side).reshape(layout.rows, layout.columns, -1)
    step, places = 2**layout.shuffle, list[tuple[int, ...]]()
    for row in range(layout.folded[0]):
        for column in range(layout.folded[1]):
            block = own[row * step : (row + 1) * step, column * step : (column + 1) * step]
            places += [tuple(sorted({int(cell) for cell in block.ravel() if cell >= 0}))] * layout.spread
    return places


def _framed(folding: Any, latents: Tensor, memory: Tensor | None) -> Tensor:
    """Return prompts without glances, (B, L, D), of latents (B, rows, columns, width) and what no picture shows (B, memory)."""
    frame = folding.frame.weight.expand(len(latents), -1, -1)
    closing = frame[:, 1:] if memory is None else frame[:, 1:] + folding.memory(memory)[:, None]
    return torch.cat([frame[:, :1], folding.picture(latents), closing], dim=1)

"""Prompts as a model computes with them: embeddings of tokens, some of which can be taken out while the others stay in place.

A token is taken out in two ways at once: no other token attends to it, and its own embedding becomes a neutral one. The second
matters for the last token, from which a causal model predicts: what stands there reaches the answer without any attention.
Positions are those of the whole prompt, so nothing moves up into the gap.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np
import torch

from ouroloop.policy.bases.player import plain_model
from ouroloop.policy.fusion.seeing import Seeing
from ouroloop.policy.saliency.places import places_of
from ouroloop.policy.saliency.seeing import Gaze

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.records import Observations

ROWS: Final = 4096
"""Rows of an embedding table that are averaged at once."""


@runtime_checkable
class Embedding(Protocol):
    """A policy whose prompts are not all words: it embeds positions itself, e.g. because it sees them.

    Such a policy is a `Located` as well: it says which of its tokens speaks of which cell (`places.grid_cells`).
    """

    @property
    def reader(self) -> Any:
        """The module that reads embeddings, as a `transformers` model takes `inputs_embeds` and `attention_mask`.

        Everything that it computes of a token has to follow from the token's embedding, and only from those that the mask
        shows: what is taken out of a prompt must not come in by another way.
        """
        ...

    def embed(self, observations: Observations) -> tuple[Any, Any, Any]:
        """Return the prompts as torch tensors.

        Returns:
            embeddings (B, L, D); mask (B, L) bool, false for padding; and what stands where a token is taken out, (L, D).
        """
        ...


@dataclass(frozen=True, slots=True)
class Prompts:
    """B prompts of L places.

    Args:
        model: the model that reads them; a `transformers` or a `peft` one.
        embeddings: (B, L, D) tensor.
        mask: (B, L) bool tensor, false for padding, which is on the left.
        cells: (B, L, K) int32, the cells that each token speaks of, filled up with -1.
        count: cells of a position.
        neutral: (D,) or (L, D) tensor, what stands where a token is taken out.
        actions: token ids of the actions.
    """

    model: Any
    embeddings: Any
    mask: Any
    cells: NDArray[np.int32]
    count: int
    neutral: Any
    actions: tuple[int, ...]

    @property
    def positions(self) -> Any:
        """(B, L) int64 tensor: the place of each token, from 0, whatever is taken out."""
        return (self.mask.long().cumsum(dim=1) - 1).clamp(min=0)

    @property
    def speaking(self) -> NDArray[np.bool_]:
        """(B, L) bool: the tokens that speak of any cell."""
        return np.asarray((self.cells >= 0).any(axis=2))

    def take(self, rows: NDArray[np.integer]) -> Prompts:
        """Return the prompts of the given rows, which may repeat."""
        index = torch.from_numpy(np.asarray(rows, np.int64)).to(self.embeddings.device)
        embeddings, mask = self.embeddings[index], self.mask[index]
        return Prompts(self.model, embeddings, mask, self.cells[rows], self.count, self.neutral, self.actions)

    def without(self, gone: NDArray[np.bool_]) -> tuple[Any, Any]:
        """Return embeddings and attention mask without some tokens.

        Args:
            gone: (B, L) bool, the tokens to take out.
        """
        out = torch.from_numpy(gone).to(self.embeddings.device)
        embeddings = torch.where(out[..., None], self.neutral, self.embeddings)
        seen = self.mask & ~out
        seen[:, -1] = True  # it is neutral then, and some token must be left to attend to
        return embeddings, seen


def prompts_of(policy: LanguagePolicy, observations: Observations) -> Prompts:
    """Return the prompts that a policy reads in these positions.

    Raises:
        UsageError: nothing says which token speaks of which cell, or the observations are of a game with other settings.
    """
    own = Gaze(policy) if isinstance(policy, Seeing) else policy
    model: Any = own.reader if isinstance(own, Embedding) else own.model
    places = places_of(own, observations)
    with torch.no_grad():
        if isinstance(own, Embedding):
            embeddings, mask, neutral = own.embed(observations)
        else:
            table, (ids, seen) = plain_model(model).get_input_embeddings(), own.encode(observations)
            embeddings, mask = table(torch.from_numpy(ids).long().to(model.device)), torch.from_numpy(seen).to(model.device)
            neutral = neutral_of(table)
    embeddings = embeddings.detach()
    return Prompts(model, embeddings, mask.bool(), places.cells, places.count, neutral.detach().to(embeddings), own.actions)


def neutral_of(table: Any) -> Any:
    """Return the mean embedding of a vocabulary: (D,) float32 tensor."""
    count, device = table.weight.shape[0], table.weight.device
    parts = [table(torch.arange(at, min(count, at + ROWS), device=device)).float().sum(dim=0) for at in range(0, count, ROWS)]
    return torch.stack(parts).sum(dim=0) / count


def read(prompts: Prompts, embeddings: Any, mask: Any, **more: Any) -> Any:
    """Run the model on prompts, or on what is left of them; return its output, with logits after the last token alone.

    Args:
        prompts: as a whole, for their places.
        embeddings: (B, L, D) tensor.
        mask: (B, L) bool tensor, what may be attended to.
        more: further arguments of the model's forward pass.
    """
    return run(prompts.model, embeddings, mask, prompts.positions, **more)


def run(model: Any, embeddings: Any, mask: Any, positions: Any, **more: Any) -> Any:
    """Run a model on embeddings at these positions, (B, L) int64 tensor; see `read`."""
    takes = inspect.signature(plain_model(model).forward).parameters
    inputs = {"inputs_embeds": embeddings, "attention_mask": mask.long(), "use_cache": False, **more}
    if "position_ids" in takes:
        inputs["position_ids"] = positions
    if "logits_to_keep" in takes:
        inputs["logits_to_keep"] = 1
    return model(**inputs)


def action_logits(output: Any, prompts: Prompts) -> Any:
    """Return the actions' logits in an output of `read`: (N * B, A) float32 tensor."""
    return output.logits[:, -1, list(prompts.actions)].float()


def log_odds(logits: Any, chosen: Any) -> Any:
    """Return log(p / (1 - p)) of each chosen action among the actions.

    Args:
        logits: (B, A) tensor.
        chosen: (B,) int64 tensor.
    """
    taken = torch.nn.functional.one_hot(chosen, logits.shape[1]).bool()
    rest = logits.masked_fill(taken, -torch.inf)
    return logits[taken] - torch.logsumexp(rest, dim=1)

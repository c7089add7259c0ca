"""A policy directory as `ports.Policy`: Snake-GPT's action logits, as fast as small CPUs allow.

The model is Hugging Face's, but the forward pass here is our own. It runs over packed prompts, so no work goes into padding.
Of the last layer it computes only the last position, and of the output matrix only the actions' rows. It looks up the first
layer's queries, keys and values in a table by token, since at that depth they depend on nothing else. The steps between
the matrix products are compiled (`kernels`). `tests/policy` compares it with the model's own forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from ouroloop.policy.serving.kernels import attend, normalise
from ouroloop.policy.snake_gpt import SnakeGPT, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

TOKENS: Final = 2048
"""Tokens per forward pass: with more, the data no longer fit the processor's cache, and each token takes longer."""

Precision: TypeAlias = Literal["float32", "bfloat16"]
"""The precision of the matrix products."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer's weights, with the norms' gains folded into the matrices that follow them.

    Args:
        query: (D, A), A = heads * width of a head.
        pair: (D, 2 A), keys and values.
        out: (A, D).
        gate_up: (D, 2 M).
        down: (M, D).
    """

    query: Tensor
    pair: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights that the forward pass uses, detached from the model; in float32, except the layers'.

    Args:
        embedding: (V, D).
        query: (V, A), the first layer's queries by token.
        pair: (V, 2 A), its keys and values.
        layers: the decoder layers.
        head: (D, V), the output matrix with the last norm's gain folded in.
        choice: (D, A), its columns of the actions.
        heads: attention heads.
        eps: the norms' epsilon.
        cosine: (L, A / heads / 2), the rotary table.
        sine: likewise.
    """

    embedding: Tensor
    query: Tensor
    pair: Tensor
    layers: tuple[Layer, ...]
    head: Tensor
    choice: Tensor
    heads: int
    eps: float
    cosine: NDArray[np.float32]
    sine: NDArray[np.float32]


class LocalPolicy:
    """Snake-GPT in this process.

    The same batch always has the same logits to the bit. With "float32", other boards in the batch change a board's logits
    by rounding, about 1e-6. "bfloat16" changes logits by some hundredths and one move in thousands. On processors with matrix
    units for it, wide models decide many boards faster (hidden 256: 1.8 times from 50 boards); narrow ones or few boards do
    not gain.

    Args:
        policy: a policy directory, or a policy in memory; a later change of its weights takes effect after `refresh`.
        task: the game that it is to play; by default the installed one that its card names.
        precision: of the matrix products.

    Raises:
        UsageError: see `snake_gpt.load`.
    """

    def __init__(
        self,
        policy: Path | SnakeGPT,
        *,
        task: Task | None = None,
        precision: Precision = "float32",
    ) -> None:
        """Load the policy and lay out its weights."""
        self.policy = policy if isinstance(policy, SnakeGPT) else load(policy, task=task)
        self.precision = precision
        self.refresh()

    def refresh(self) -> None:
        """Copy the model's current weights."""
        with torch.inference_mode():
            self._weights = weights_of(self.policy, torch.bfloat16 if self.precision == "bfloat16" else torch.float32)

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, A) float32."""
        return self._answer(observations, self._weights.choice)

    def token_logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the next-token logits after the prompt: (B, V) float32."""
        return self._answer(observations, self._weights.head)

    def _answer(self, observations: Observations, head: Tensor) -> NDArray[np.float32]:
        """Return the last hidden states times a head (D, N): (B, N) float32."""
        out = np.empty((len(observations), head.shape[1]), dtype=np.float32)
        if len(observations) == 0:
            return out
        ids, mask = self.policy.encode(observations)
        with torch.inference_mode():
            for part, tokens, offsets in packed(ids, mask):
                out[part] = (last_hidden(self._weights, tokens, offsets) @ head).numpy()
        return out


def packed(ids: NDArray[np.int32], mask: NDArray[np.bool_]) -> Iterator[tuple[slice, NDArray[np.int32], NDArray[np.int64]]]:
    """Yield padded prompts in parts of about `TOKENS`: the rows, their tokens (T,), and where each row begins (rows + 1,)."""
    ends = mask.sum(axis=1).cumsum()
    first, before = 0, 0
    while first < len(ids):
        last = max(first + 1, int(ends.searchsorted(before + TOKENS, "right")))
        part = slice(first, last)
        yield part, ids[part][mask[part]], np.concatenate([[0], ends[part] - before])
        first, before = last, int(ends[last - 1])


def last_hidden(weights: Weights, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Tensor:
    """Return the normalised last hidden state after each of B packed prompts.

    Args:
        weights: the model.
        tokens: (T,), the prompts one after the other.
        offsets: (B + 1,), where they begin, and T.

    Returns:
        (B, D) float32, to be multiplied with `weights.head`.
    """
    places, ends = np.arange(len(tokens), dtype=np.int32), offsets[1:] - 1
    x = functional.embedding(torch.from_numpy(tokens), weights.embedding)
    for index, layer in enumerate(weights.layers):
        last = index == len(weights.layers) - 1
        if index == 0:
            query, pair, rows = weights.query, weights.pair, tokens
            asked = tokens[ends] if last else tokens
        else:
            normal = _normal(x, weights.eps)
            query, pair, rows = _times(normal[ends] if last else normal, layer.query), _times(normal, layer.pair), places
            asked = places[: len(query)]
        mixed = torch.empty(len(asked), query.shape[1])
        tables = (weights.cosine, weights.sine, weights.heads)
        attend(query.float().numpy(), asked, pair.float().numpy(), rows, offsets, *tables, mixed.numpy())
        x = (x[ends] if last else x).add_(_times(mixed, layer.out))
        gate, up = _times(_normal(x, weights.eps), layer.gate_up).chunk(2, dim=1)
        x.add_(_times(functional.silu(gate).mul_(up), layer.down))
    return _normal(x, weights.eps)


def _times(x: Tensor, matrix: Tensor) -> Tensor:
    """Return a product in the matrix's type."""
    return x.to(matrix.dtype) @ matrix


def _normal(x: Tensor, eps: float) -> Tensor:
    """Return RMS-normalised rows."""
    out = torch.empty_like(x)
    normalise(x.numpy(), eps, out.numpy())
    return out


def weights_of(policy: SnakeGPT, dtype: torch.dtype) -> Weights:
    """Copy a model's weights into the layout of `Weights`, with the layers' weights in this type."""
    model = policy.model
    config, core = model.config, model.model
    layers = [_layer(block) for block in core.layers]
    embedding = _plain(core.embed_tokens.weight).clone()
    normal = _normal(embedding, config.rms_norm_eps)
    head = (_plain(model.lm_head.weight) * _plain(core.norm.weight)).T.contiguous()
    position = torch.arange(config.max_position_embeddings)[None, :]
    cosine, sine = (table[0, :, : table.shape[-1] // 2] for table in core.rotary_emb(model.lm_head.weight, position))
    return Weights(
        embedding=embedding,
        query=normal @ layers[0].query,
        pair=normal @ layers[0].pair,
        layers=tuple(_cast(layer, dtype) for layer in layers),
        head=head,
        choice=head[:, list(policy.actions)].contiguous(),
        heads=config.num_attention_heads,
        eps=config.rms_norm_eps,
        cosine=_plain(cosine).contiguous().numpy(),
        sine=_plain(sine).contiguous().numpy(),
    )


def _layer(block: torch.nn.Module) -> Layer:
    """Return one Hugging Face decoder block as `Layer`."""
    attention, mlp = block.self_attn, block.mlp
    before, after = _plain(block.input_layernorm.weight), _plain(block.post_attention_layernorm.weight)
    query, key, value = (_plain(part.weight) * before for part in (attention.q_proj, attention.k_proj, attention.v_proj))
    gate, up = (_plain(part.weight) * after for part in (mlp.gate_proj, mlp.up_proj))
    return Layer(
        query=query.T,
        pair=torch.cat([key, value]).T,
        out=_plain(attention.o_proj.weight).T,
        gate_up=torch.cat([gate, up]).T,
        down=_plain(mlp.down_proj.weight).T,
    )


def _cast(layer: Layer, dtype: torch.dtype) -> Layer:
    """Return a copy of a layer in this type, with each matrix's rows contiguous in memory, as small products need them."""
    parts = (layer.query, layer.pair, layer.out, layer.gate_up, layer.down)
    return Layer(*(torch.empty(part.shape, dtype=dtype).copy_(part) for part in parts))


def _plain(weight: Tensor) -> Tensor:
    """Return a weight as float32 in main memory, without a gradient; not always a copy."""
    return weight.detach().float().cpu()

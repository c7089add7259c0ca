"""A policy directory as `ports.Policy`: Snake-GPT's four action logits, as fast as small CPUs allow.

The model is Hugging Face's, its forward pass here is not: it computes the last position of the last layer only, four rows
of the output matrix only, and looks the first layer's queries, keys and values up in a table by token, since at that depth
they depend on nothing else. `tests/policy` holds it against the model's own forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from ouroboros.policy.encodings import ACTIONS
from ouroboros.policy.snake_gpt import SnakeGPT, load

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ouroboros.protocols.records import Observations


CHUNK = 256
"""Prompts per forward pass: more of them fall out of the processor's cache and are slower each."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer's weights, with the norms' gains folded into the matrices that follow them.

    Args:
        qkv: (3 D, D), out: (D, D), gate_up: (2 M, D), down: (D, M).
    """

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """What the forward pass needs, detached from the model.

    Args:
        embedding: (V, D).
        first: (V, 3 D), the first layer's queries, keys and values by token.
        layers: the decoder layers.
        head: (V, D), the output matrix with the last norm's gain folded in.
        heads: attention heads.
        eps: the norms' epsilon.
        cosine, sine: (L, D / heads), the rotary tables.
    """

    embedding: Tensor
    first: Tensor
    layers: tuple[Layer, ...]
    head: Tensor
    heads: int
    eps: float
    cosine: Tensor
    sine: Tensor


class LocalPolicy:
    """Snake-GPT in this process.

    Args:
        policy: a policy directory, or a policy in memory; a later change of its weights is seen after `refresh`.
        task: refuse a policy of another task.
        size: refuse a policy of another board size.

    Raises:
        UsageError: see `snake_gpt.load`.
    """

    def __init__(self, policy: Path | SnakeGPT, *, task: str | None = None, size: int | None = None) -> None:
        """Load the policy and lay its weights out."""
        self.policy = policy if isinstance(policy, SnakeGPT) else load(policy, task=task, size=size)
        self.refresh()

    def refresh(self) -> None:
        """Take over the model's present weights."""
        with torch.inference_mode():
            self._weights = _weights(self.policy)

    def logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the action logits: (B, 4) float32."""
        if len(observations) == 0:
            return np.zeros((0, len(ACTIONS)), dtype=np.float32)
        return self.token_logits(observations)[:, list(ACTIONS)]

    def token_logits(self, observations: Observations) -> NDArray[np.float32]:
        """Return the next-token logits after the prompt: (B, V) float32."""
        ids, mask = self.policy.encode(observations)
        out = np.empty((len(ids), len(self._weights.head)), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(ids), CHUNK):
                part = slice(start, start + CHUNK)
                hidden = last_hidden(self._weights, torch.from_numpy(ids[part]), torch.from_numpy(mask[part]))
                out[part] = (hidden @ self._weights.head.T).numpy()
        return out


def last_hidden(weights: Weights, ids: Tensor, mask: Tensor) -> Tensor:
    """Return the normalised last hidden state after each prompt.

    Args:
        weights: the model.
        ids: (B, L) int32, padded on the left.
        mask: (B, L) bool, true where a token stands.

    Returns:
        (B, D) float32, to be multiplied with `weights.head`.
    """
    length = ids.shape[1]
    x = functional.embedding(ids, weights.embedding)
    allowed = mask[:, None, None, :]
    if not bool(mask.all()) or len(weights.layers) > 1:
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        # A padded query row may see itself, or its softmax would divide by zero; nothing reads its result.
        allowed = (allowed & causal) | torch.eye(length, dtype=torch.bool)
    bias = torch.zeros(allowed.shape).masked_fill_(~allowed, -torch.inf)
    for index, layer in enumerate(weights.layers):
        qkv = functional.embedding(ids, weights.first) if index == 0 else _normal(x, weights.eps) @ layer.qkv.T
        last = index == len(weights.layers) - 1
        x = _attend(weights, qkv, bias, x, layer, last=last)
        gate, up = (_normal(x, weights.eps) @ layer.gate_up.T).chunk(2, dim=-1)
        x = x + (functional.silu(gate) * up) @ layer.down.T
    return _normal(x[:, -1], weights.eps)


def _attend(weights: Weights, qkv: Tensor, bias: Tensor, x: Tensor, layer: Layer, *, last: bool) -> Tensor:
    """Return the residual stream after attention: (B, L, D), or (B, 1, D) in the last layer."""
    count, length, width = x.shape
    query, key, value = (part.transpose(1, 2) for part in qkv.view(count, length, 3, weights.heads, -1).unbind(2))
    if last:
        query, x, bias = query[:, :, -1:], x[:, -1:], bias[:, :, -1:]
    query = _rotate(query, weights.cosine[:length], weights.sine[:length])
    key = _rotate(key, weights.cosine[:length], weights.sine[:length])
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return x + mixed.transpose(1, 2).reshape(count, -1, width) @ layer.out.T


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Apply rotary position embedding (Su et al. 2021) to (B, H, L, d); a single query has the last position."""
    cosine, sine = cosine[-x.shape[2] :], sine[-x.shape[2] :]
    low, high = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-high, low), dim=-1) * sine


def _normal(x: Tensor, eps: float) -> Tensor:
    """Return RMS-normalised x, without a gain."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


def _weights(policy: SnakeGPT) -> Weights:
    """Copy a model's weights into the layout of `Weights`."""
    model = policy.model
    config, core = model.config, model.model
    layers = tuple(_layer(block) for block in core.layers)
    embedding = core.embed_tokens.weight.detach().clone()
    position = torch.arange(config.max_position_embeddings)[None, :]
    cosine, sine = core.rotary_emb(embedding, position)
    return Weights(
        embedding=embedding,
        first=_normal(embedding, config.rms_norm_eps) @ layers[0].qkv.T,
        layers=layers,
        head=model.lm_head.weight.detach() * core.norm.weight.detach(),
        heads=config.num_attention_heads,
        eps=config.rms_norm_eps,
        cosine=cosine[0],
        sine=sine[0],
    )


def _layer(block: torch.nn.Module) -> Layer:
    """Return one Hugging Face decoder block as `Layer`."""
    attention, mlp = block.self_attn, block.mlp
    before, after = block.input_layernorm.weight.detach(), block.post_attention_layernorm.weight.detach()
    qkv = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]).detach()
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]).detach()
    return Layer(
        qkv=qkv * before,
        out=attention.o_proj.weight.detach().clone(),
        gate_up=gate_up * after,
        down=mlp.down_proj.weight.detach().clone(),
    )

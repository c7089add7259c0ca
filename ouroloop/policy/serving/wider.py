"""The same Snake-GPT with wider attention heads, for servers without a kernel for narrow ones.

Rotary embedding turns pair i of a head of width d by the angle position * theta^(-2 i / d) (Su et al. 2021, equation 15). In
a head of width D = k d, pair k i turns by the same angle, so each pair finds a place there, and zeros fill the rest. Scores
are then divided by sqrt(D) instead of sqrt(d), for which the queries are scaled to compensate.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import TYPE_CHECKING, Final

import torch
from transformers import LlamaForCausalLM

from ouroloop.policy.snake_gpt import SnakeGPT
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

WIDTHS: Final = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Head widths for which vLLM's attention on CPUs has kernels (`CPUAttentionBackend.get_supported_head_sizes`)."""


def widened(policy: SnakeGPT) -> SnakeGPT:
    """Return a policy with the same logits whose heads have one of `WIDTHS`; the policy itself if they already do.

    Raises:
        UsageError: the heads fit none of them.
    """
    config = policy.model.config
    narrow = int(config.head_dim)
    wide = next((width for width in WIDTHS if width % narrow == 0), None)
    if wide is None:
        raise UsageError(f"attention heads of {narrow}: expected a divisor of one of {WIDTHS}; train with other `heads`")
    if wide == narrow:
        return policy
    config = deepcopy(config)
    config.head_dim = wide
    model = LlamaForCausalLM(config)
    model.load_state_dict(
        {name: _wide(name, weight, config.num_attention_heads, wide) for name, weight in policy.model.state_dict().items()}
    )
    return SnakeGPT(model.eval(), policy.encoding, policy.task)


def _wide(name: str, weight: Tensor, heads: int, wide: int) -> Tensor:
    """Return a weight of the narrow-headed model in the form that the wide-headed one has."""
    kind = name.split(".")[-2]
    if kind in ("q_proj", "k_proj"):
        rows = weight.view(heads, 2, -1, weight.shape[1])
        pairs = rows.shape[2]
        out = weight.new_zeros(heads, 2, wide // 2, weight.shape[1])
        out[:, :, :: wide // 2 // pairs] = rows * (math.sqrt(wide / 2 / pairs) if kind == "q_proj" else 1.0)
        return out.flatten(0, 2)
    if kind == "v_proj":
        rows = weight.view(heads, -1, weight.shape[1])
        return torch.cat([rows, rows.new_zeros(heads, wide - rows.shape[1], rows.shape[2])], dim=1).flatten(0, 1)
    if kind == "o_proj":
        columns = weight.view(weight.shape[0], heads, -1)
        return torch.cat([columns, columns.new_zeros(*columns.shape[:2], wide - columns.shape[2])], dim=2).flatten(1)
    return weight

"""Which weights of a seeing policy a training changes: the projector first, then an adapter on the body, or all at once.

The stages are LLaVA's (Liu et al. 2023). What no stage changes is the eye.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import torch

from ouroloop.policy.fusion.model import EYE_PARTS

if TYPE_CHECKING:
    from ouroloop.policy.fusion.config import FusionConfig

BODY: Final = r"model\.layers\.\d+\..*_proj"
"""The names of the body's linear layers, as a regular expression."""


def staged(model: Any, config: FusionConfig, seed: int) -> Any:
    """Return a model whose weights can be trained as the stage says; for `lora`, within one of PEFT's.

    Args:
        model: a `FusedForCausalLM`; it becomes part of the result.
        config: names the stage, and describes the adapter.
        seed: of the adapter's initial weights.
    """
    model.requires_grad_(config.stage == "all")
    if config.stage == "projector":
        for part in EYE_PARTS:
            getattr(model, part).requires_grad_(True)
    return _adapted(model, config, seed) if config.stage == "lora" else model


def _adapted(model: Any, config: FusionConfig, seed: int) -> Any:
    """Return a model with a fresh adapter; the projector and the read-out are trained beside it, and kept with it."""
    from peft import LoraConfig, get_peft_model

    lora = config.lora
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha or 2 * lora.rank,
        lora_dropout=lora.dropout,
        target_modules=BODY if targets == "all-linear" else targets,
        modules_to_save=list(EYE_PARTS),
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return get_peft_model(model, settings)


def merged(model: Any) -> Any:
    """Return a model as a plain `FusedForCausalLM`: a copy with its adapter merged in, or itself if it has none."""
    if not hasattr(model, "peft_config"):
        return model
    return copy.deepcopy(model).merge_and_unload()

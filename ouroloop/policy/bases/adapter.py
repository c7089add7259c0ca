"""Low-rank adapters (LoRA, Hu et al. 2021) on a base, by PEFT; on a quantised base they are QLoRA (Dettmers et al. 2023)."""

from __future__ import annotations

from typing import Any

import torch

from ouroloop.policy.settings import LoraSettings


def attach(model: Any, settings: LoraSettings, seed: int) -> Any:
    """Return a base with a fresh adapter, which is the only part that can be trained.

    Args:
        model: a `transformers` model; it becomes part of the result.
        settings: of the adapter.
        seed: of the adapter's initial weights.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha or 2 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=settings.targets if isinstance(settings.targets, str) else list(settings.targets),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def prepare_quantised(model: Any, *, checkpointing: bool) -> Any:
    """Return a quantised model on which an adapter can be trained: norms and embeddings in float32, everything frozen."""
    from peft import prepare_model_for_kbit_training

    prepare: Any = prepare_model_for_kbit_training
    return prepare(model, checkpointing, {"use_reentrant": False} if checkpointing else None)


def train_in_float32(model: Any) -> None:
    """Keep trained weights in float32; call it after a trainer of TRL's has taken the model, before it trains.

    TRL (1.16) turns adapters on quantised bases into bfloat16, which rounds small steps away. A training that resumes from a
    checkpoint has them in float32 again, so its weights would differ from those of an uninterrupted training.
    """
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()

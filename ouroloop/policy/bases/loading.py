"""From a base's name or directory to a player: configuration, tokenizer, weights, quantisation, adapter.

Cheap checks come first. Only safetensors are read, and no code that comes with a model is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from ouroloop.envs.capabilities import encoding_of
from ouroloop.policy.bases.adapter import attach, prepare_quantised
from ouroloop.policy.bases.base import Base
from ouroloop.policy.bases.origin import Origin, find_checkpoint
from ouroloop.policy.bases.player import out_of_memory
from ouroloop.policy.bases.words import Words, words_of
from ouroloop.policy.settings import LoraSettings, Quantisation
from ouroloop.policy.snake_gpt import check_device, quiet
from ouroloop.protocols.encoding import Encoding
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.vetting import vet

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task


def load_base(
    name_or_dir: str | Path,
    task: Task,
    *,
    encoding: str = "",
    adapter: LoraSettings | None = None,
    quantisation: Quantisation = "none",
    hint: bool = False,
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    checkpointing: bool = False,
    revision: str = "",
    seed: int = 0,
) -> Base:
    """Return any causal language model as an untrained player.

    Args:
        name_or_dir: a directory, or a model on the Hugging Face Hub that the local cache has, such as `google/gemma-2-9b`.
        task: the game.
        encoding: how its positions are written; the game's first by default.
        adapter: train a fresh adapter; if None, all weights are trained.
        quantisation: of the linear layers; then only an adapter can be trained.
        hint: end the prompts with the game's hint.
        dtype: of weights that are not quantised; `fast_dtype(device)` by default.
        device: as torch names it.
        checkpointing: recompute activations in the backward pass instead of keeping them. TRL's trainers have their own
            switch for it.
        revision: of a model on the Hub.
        seed: of the adapter's initial weights.

    Raises:
        UsageError: there is no causal language model, it is damaged, its tokenizer has no token for an action, or the
            encoding does not exist or does not cover the game's settings.
        SurroundingsError: the cache does not have the model, or bitsandbytes is not installed.
    """
    words = encoding_of(task, encoding)
    folder, origin = find_checkpoint(str(name_or_dir), revision)
    tokenizer, tokens = read_tokenizer(folder, words, origin)
    model = read_model(folder, origin, quantisation, dtype or fast_dtype(device), device)
    if adapter is not None:
        if quantisation != "none":
            keep_layout(model, train=True)
            model = prepare_quantised(model, checkpointing=checkpointing)
        model = attach(model, adapter, seed)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return Base(model.eval(), tokenizer, words, task.name, tokens, origin, quantisation, hint, adapter)


def fast_dtype(device: str) -> torch.dtype:
    """Return bfloat16 if the device multiplies it in hardware, else float32."""
    if not device.startswith("cpu"):
        return torch.bfloat16
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def read_tokenizer(folder: Path, encoding: Encoding, origin: Origin) -> tuple[Any, Words]:
    """Vet a checkpoint, and return its tokenizer and its tokens for our actions.

    Raises:
        UsageError: see `load_base`.
    """
    vet(folder, origin.name)
    _check_causal(folder, origin)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise unreadable("tokenizer", origin.name, error) from error
    words = words_of(tokenizer, encoding, origin.name)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id != words.pad:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(words.pad)
    return tokenizer, words


def read_model(
    folder: Path,
    origin: Origin,
    quantisation: Quantisation,
    dtype: torch.dtype | str,
    device: str,
    kind: Any = AutoModelForCausalLM,
) -> Any:
    """Return a checkpoint's model; all of its weights must be in its files.

    Args:
        folder: the checkpoint, which `vet` has passed.
        origin: the base it belongs to, for errors.
        quantisation: of its linear layers.
        dtype: of the other weights; `auto` for the checkpoint's own.
        device: where it goes.
        kind: the `transformers` class that loads it.

    Raises:
        UsageError: weights are damaged or missing, or their shapes differ from the configuration.
        SurroundingsError: bitsandbytes is not installed, or the model does not fit into memory.
    """
    check_device(device)
    settings: dict[str, Any] = {"dtype": dtype, "device_map": {"": device}, "local_files_only": True, "use_safetensors": True}
    settings |= {"ignore_mismatched_sizes": True, "output_loading_info": True, "trust_remote_code": False}
    if quantisation != "none":
        _check_bitsandbytes()
        settings["quantization_config"] = quantisation_config(quantisation)
    try:
        with quiet():
            model, found = kind.from_pretrained(folder, **settings)
    except Exception as error:
        raise unreadable("weights", origin.name, error) from error
    # `transformers` fills weights missing from a checkpoint with random numbers.
    lacking = sorted({*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])})
    if lacking:
        raise UsageError(
            f"the checkpoint {origin.name} has no usable {lacking[0]} ({len(lacking)} in all): download or save it again"
        )
    if quantisation == "nf4":
        keep_layout(model)
    return model


def quantisation_config(quantisation: Quantisation) -> BitsAndBytesConfig:
    """Return bitsandbytes' settings: LLM.int8, or NF4 with doubly quantised scales that computes in bfloat16."""
    if quantisation == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def keep_layout(model: Any, *, train: bool = False) -> None:
    """Keep the layout of 4-bit layers if bitsandbytes' own layout for CPUs would break them.

    On CPUs with bf16 instructions, bitsandbytes (0.50) rearranges the weights in the first evaluation, for a kernel that is
    faster but has no gradient. A training that continues from there gets no gradient through these layers, and no error.
    It also fails on layers whose widths are not multiples of its blocks.

    Args:
        model: a model with quantised weights.
        train: whether the model is to be trained.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu") and (train or module.in_features % 64 or module.out_features % 32):
            module.support_avx512bf16_for_cpu = False


def _check_causal(folder: Path, origin: Origin) -> None:
    """Refuse models that do not predict the next token.

    Raises:
        UsageError: the configuration is damaged, or the model is of another kind.
    """
    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise unreadable("configuration", origin.name, error) from error
    # Such a model, for example BERT, silently loads as a causal one, with other attention than it was trained with.
    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    names = {kind.__name__ for kind in (causal if isinstance(causal, tuple) else (causal,)) if kind is not None}
    stated = {str(name) for name in config.architectures or names}
    if not stated & names:
        found = ", ".join(sorted(stated)) or config.model_type
        raise UsageError(
            f"{origin.name} is a {found}, expected a causal language model such as Qwen2ForCausalLM: choose another"
        )


def _check_bitsandbytes() -> None:
    """Raise SurroundingsError if bitsandbytes is not installed."""
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise SurroundingsError("quantisation needs bitsandbytes: `pip install bitsandbytes`") from error


def unreadable(what: str, name: str, error: Exception) -> OuroloopError:
    """Return the error for a part of a checkpoint that cannot be read.

    `transformers`, `peft` and `safetensors` raise any exception on damaged or odd files. Only a lack of memory is told apart.
    """
    if out_of_memory(error):
        return SurroundingsError(f"out of memory with the {what} of {name}: quantise it, or choose another")
    lines = str(error).splitlines()
    return UsageError(f"the {what} of {name} cannot be read: {plain_line(lines[0]) if lines else type(error).__name__}")

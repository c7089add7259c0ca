"""A decision by a Gemma-3 of 4B's true shape with random weights: on a GPU, as it is and in 4 bits; otherwise on a CPU.

No weights of that size can be fetched here. What a decision costs does not depend on what the weights are.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from ouroloop.bench.perception.gemma_cost import spread
from ouroloop.bench.timing import significant, single_ms
from ouroloop.inspect.ablation.instruments import peak_memory_mb

TOWER_LAYERS: Final = 27
TEXT_LAYERS: Final = 34
IMAGE_TOKENS: Final = 256
PROMPT: Final = 64
"""Tokens of a question, besides those of the image."""
WRITTEN: Final = 32
"""Tokens whose rate is measured."""
DECISIONS: Final = 20
CPU_DECISIONS: Final = 3
"""Decisions that are timed on a CPU, where each takes many seconds."""
ROOM: Final = 1.3
"""Memory that a model needs on a CPU, as a multiple of its weights."""


def whole_shape() -> dict[str, Any]:
    """Return the costs of a decision, by what was measured; a text where nothing could be."""
    import torch

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        if torch.cuda.is_available():
            return pool.submit(_on_gpu).result()
        missing = {"on a GPU": "not measured: no GPU is at hand"}
        return missing | pool.submit(on_cpu, four_b()).result()


def four_b(tower_layers: int = TOWER_LAYERS, text_layers: int = TEXT_LAYERS) -> Any:
    """Return the configuration of google/gemma-3-4b-it, with fewer layers if so wished."""
    from transformers import Gemma3Config, Gemma3TextConfig, SiglipVisionConfig

    text = Gemma3TextConfig(
        vocab_size=262_208,
        hidden_size=2560,
        intermediate_size=10_240,
        num_hidden_layers=text_layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=256,
        sliding_window=1024,
        rope_scaling={"factor": 8.0, "rope_type": "linear"},
    )
    tower = SiglipVisionConfig(
        hidden_size=1152,
        intermediate_size=4304,
        num_hidden_layers=tower_layers,
        num_attention_heads=16,
        image_size=896,
        patch_size=14,
        vision_use_head=False,
    )
    return Gemma3Config(text_config=text.to_dict(), vision_config=tower.to_dict(), mm_tokens_per_image=IMAGE_TOKENS)


def random_model(config: Any, device: str, dtype: Any) -> Any:
    """Return a model of a configuration with random weights, made where it stays."""
    import torch
    from transformers import Gemma3ForConditionalGeneration

    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = Gemma3ForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(usual)
    return model.eval().requires_grad_(False)


def prompt_for(model: Any) -> dict[str, Any]:
    """Return a random picture with a question, as a model's inputs."""
    import torch

    config, rng = model.config, torch.Generator().manual_seed(0)
    tokens, side = config.mm_tokens_per_image, config.vision_config.image_size
    ids = torch.randint(3, 1000, (1, PROMPT + tokens), generator=rng)
    ids[0, 4 : 4 + tokens] = config.image_token_index
    picture = torch.rand((1, 3, side, side), generator=rng) * 2 - 1
    types = (ids == config.image_token_index).long()
    inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": torch.ones_like(ids)}
    return {name: value.to(model.device) for name, value in inputs.items()} | {
        "pixel_values": picture.to(model.device, model.dtype)
    }


def decision(model: Any) -> Callable[[], None]:
    """Return a function that makes one decision: a picture through the tower, a prompt through the decoder, a move's logits."""
    import torch

    inputs = prompt_for(model)

    def decide() -> None:
        with torch.inference_mode():
            model(**inputs, logits_to_keep=1, use_cache=False).logits.float().cpu()

    return decide


def _on_gpu() -> dict[str, Any]:
    """Return the costs on a GPU, in bfloat16 and in 4 bits; the latter is loaded from a checkpoint, as a real one would be."""
    import torch
    from transformers import Gemma3ForConditionalGeneration

    from ouroloop.perception.gemma.loading import check_device, four_bits, read_weights
    from ouroloop.protocols.errors import SurroundingsError

    torch.cuda.reset_peak_memory_stats()
    model = random_model(four_b(), "cuda", torch.bfloat16)
    name = torch.cuda.get_device_name()
    found: dict[str, Any] = {f"bfloat16, {name}": _cuda_costs(model)}
    try:
        check_device("cuda", "4bit")
    except SurroundingsError as error:
        return found | {"4 bits": f"not measured: {error}"}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        del model
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        settings = {"dtype": torch.bfloat16, "device_map": {"": "cuda"}, "quantization_config": four_bits("bfloat16")}
        small = read_weights(Gemma3ForConditionalGeneration, Path(folder), "the random model", **settings).eval()
    return found | {f"4 bits, {name}": _cuda_costs(small)}


def _cuda_costs(model: Any) -> dict[str, float]:
    import torch

    decide = decision(model)
    ms = spread(single_ms(lambda number: decide(), DECISIONS))
    inputs = prompt_for(model)
    rates = []
    for _ in range(3):
        begun = time.perf_counter()
        with torch.inference_mode():
            model.generate(**inputs, max_new_tokens=WRITTEN, min_new_tokens=WRITTEN, do_sample=False)
        rates.append(WRITTEN / (time.perf_counter() - begun))
    return {
        "p50_ms": ms["p50"],
        "p95_ms": ms["p95"],
        "tokens_per_s": significant(max(rates), 3),
        "peak_mb": round(torch.cuda.max_memory_allocated() / 1e6, 1),
    }


def on_cpu(config: Any) -> dict[str, Any]:
    """Return the costs of a whole model on one thread, if it fits into memory."""
    import torch

    from ouroloop.policy.bases.loading import fast_dtype

    torch.set_num_threads(1)
    dtype = fast_dtype("cpu")
    name, needed = f"{str(dtype).removeprefix('torch.')}, one CPU thread", ROOM * weights_of(config) * dtype.itemsize
    if needed > free_bytes():
        return {name: f"not measured: it needs {needed / 1e9:.0f} GB of memory, {free_bytes() / 1e9:.0f} GB are free"}
    decide = decision(random_model(config, "cpu", dtype))
    ms = single_ms(lambda number: decide(), CPU_DECISIONS, warm=1)
    return {
        name: {
            "p50_ms": significant(float(np.median(ms)), 3),
            "most_ms": significant(float(ms.max()), 3),
            "peak_mb": significant(peak_memory_mb()),
        }
    }


def weights_of(config: Any) -> int:
    """Return how many weights a model of a configuration has; nothing is allocated."""
    import torch
    from transformers import Gemma3ForConditionalGeneration

    with torch.device("meta"):
        return sum(weight.numel() for weight in Gemma3ForConditionalGeneration(config).parameters())


def free_bytes() -> float:
    """Return the memory that can be had without swapping; infinite where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024.0 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    except (OSError, StopIteration, ValueError):
        return float("inf")

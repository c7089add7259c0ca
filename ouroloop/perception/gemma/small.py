"""A small Gemma-3: the very architecture, with one patch, and one image token, per cell of a board.

It is a `Gemma3ForConditionalGeneration` with a SigLIP tower, projector and decoder, and a `Gemma3Processor` with image
processor, tokenizer and chat template. Saved, it is a checkpoint like any other, and the classes `Auto...` load it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    Gemma3TextConfig,
    GenerationConfig,
    SiglipVisionConfig,
)

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.gemma.words import BOS, EOS, IMAGE, IMAGE_BEGINS, IMAGE_ENDS, PAD, TURN_ENDS, build_tokenizer
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.perception.gemma.config import GemmaConfig
    from ouroloop.protocols.ports import Task

MOST_TOKENS: Final = 256
"""Image tokens of a real Gemma-3, and the most that a policy is to read."""
ROOM: Final = 64
"""Tokens of a prompt and its answer besides those of the image and the board."""
TEMPLATE: Final = """{{ bos_token }}{% for message in messages %}<start_of_turn>\
{{ 'user' if message['role'] == 'user' else 'model' }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}\
{{ '<start_of_image>' if part['type'] == 'image' else part['text'] }}{% endfor %}{% endif %}<end_of_turn>
{% endfor %}{% if add_generation_prompt %}<start_of_turn>model
{% endif %}"""
"""Gemma-3's turns, without system messages and checks."""


def small_shape(task: Task, config: GemmaConfig) -> Gemma3Config:
    """Return the configuration of a small model for a game's boards.

    Raises:
        UsageError: the board has more cells than an image may have tokens.
    """
    side, tokenizer = sight_of(task).side, build_tokenizer(task)
    if side * side > MOST_TOKENS:
        most = math.isqrt(MOST_TOKENS)
        raise UsageError(
            f"a Gemma with one token per cell sees boards up to {most}x{most}, not {side}x{side}: use another reader"
        )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (PAD, EOS, BOS, IMAGE, IMAGE_BEGINS, IMAGE_ENDS)}
    text, tower = config.text, config.tower
    rope = {"rope_type": "default", "rope_theta": text.rope_theta}
    decoder = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=text.width,
        intermediate_size=text.inner,
        num_hidden_layers=text.depth,
        num_attention_heads=text.heads,
        num_key_value_heads=text.groups,
        head_dim=text.head_width,
        query_pre_attn_scalar=text.head_width,
        max_position_embeddings=2 * MOST_TOKENS + ROOM,
        layer_types=["full_attention"] * text.depth,
        sliding_window=2 * MOST_TOKENS + ROOM,
        rope_parameters={"full_attention": dict(rope), "sliding_attention": dict(rope)},
        pad_token_id=ids[PAD],
        eos_token_id=ids[EOS],
        bos_token_id=ids[BOS],
    )
    eyes = SiglipVisionConfig(
        hidden_size=tower.width,
        intermediate_size=2 * tower.width,
        num_hidden_layers=tower.depth,
        num_attention_heads=tower.heads,
        image_size=side * config.camera.cell_px,
        patch_size=config.camera.cell_px,
        vision_use_head=False,
    )
    return Gemma3Config(
        text_config=decoder.to_dict(),
        vision_config=eyes.to_dict(),
        mm_tokens_per_image=side * side,
        image_token_index=ids[IMAGE],
        boi_token_index=ids[IMAGE_BEGINS],
        eoi_token_index=ids[IMAGE_ENDS],
        pad_token_id=ids[PAD],
        eos_token_id=ids[EOS],
        bos_token_id=ids[BOS],
    )


def small_processor(task: Task, config: GemmaConfig) -> Any:
    """Return the `Gemma3Processor` of a small model: pictures keep their size, and no crops are taken of them."""
    side = sight_of(task).side
    size = {"height": side * config.camera.cell_px, "width": side * config.camera.cell_px}
    images = Gemma3ImageProcessor(size=size, do_pan_and_scan=False)
    tokenizer = build_tokenizer(task)
    return Gemma3Processor(image_processor=images, tokenizer=tokenizer, chat_template=TEMPLATE, image_seq_length=side * side)


def small_model(task: Task, config: GemmaConfig, generator: torch.Generator) -> Any:
    """Return an untrained small `Gemma3ForConditionalGeneration`, whose weights the generator draws."""
    shape = small_shape(task, config)
    with torch.random.fork_rng(devices=[]):  # its own initialisation draws from torch's global generator; we draw anew
        model = Gemma3ForConditionalGeneration(shape)
    draw(model, generator)
    end = build_tokenizer(task).convert_tokens_to_ids(TURN_ENDS)
    model.generation_config = GenerationConfig(
        bos_token_id=shape.bos_token_id, pad_token_id=shape.pad_token_id, eos_token_id=[shape.eos_token_id, end]
    )
    return model


def draw(model: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights: matrices with variance 1/fan_in, so that every layer, the projector too, passes on what it gets.

    Gemma's norms multiply by one plus their weight, so theirs are zero; the tower's layer norms multiply by their weight.
    """
    plain = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)}
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("position_embedding.weight"):
                weight.normal_(0.0, 0.02, generator=generator)
            elif name.endswith("mm_input_projection_weight"):
                weight.normal_(0.0, 1 / math.sqrt(weight.shape[0]), generator=generator)
            elif weight.ndim > 1:
                weight.normal_(0.0, 1 / math.sqrt(weight[0].numel()), generator=generator)
            else:
                weight.fill_(1.0 if name in plain else 0.0)


def save_checkpoint(model: Any, processor: Any, folder: Path) -> None:
    """Write a checkpoint in the form of `save_pretrained` into a directory that exists."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)

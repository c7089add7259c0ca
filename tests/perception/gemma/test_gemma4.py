"""Gemma 4 goes the same ways as Gemma 3: a tiny one with random weights, made here, is loaded, asked and taken apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ouroloop.perception.camera import Camera
from ouroloop.perception.config import perfect
from ouroloop.perception.gemma.encoding import load_encoder, make_encoder
from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader
from ouroloop.perception.gemma.loading import load_gemma
from ouroloop.perception.gemma.replies import Replies
from ouroloop.perception.gemma.small import TEMPLATE
from ouroloop.perception.gemma.words import build_tokenizer
from tests.perception.gemma.conftest import TASK

transformers = pytest.importorskip("transformers", minversion="5.20")
CAMERA = Camera(TASK, perfect())
SEEN = TASK.positions(2, 4).observations()
SOUND = {"audio_token": "<sound>", "boa_token": "<start_of_sound>", "eoa_token": "<end_of_sound>"}


def save_gemma4(folder):
    """Write a tiny Gemma 4 with random weights."""
    tokenizer = build_tokenizer(TASK)
    tokenizer.add_special_tokens({"extra_special_tokens": [*SOUND.values(), "<|video|>"]}, replace_extra_special_tokens=False)
    for name, token in SOUND.items():
        setattr(tokenizer, name, token)
        tokenizer.init_kwargs[name] = token
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in SOUND.items()}
    text = {
        "vocab_size": len(tokenizer) + 8,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "global_head_dim": 16,
        "hidden_size_per_layer_input": 0,
        "layer_types": ["sliding_attention", "full_attention"],
        "use_bidirectional_attention": "vision",
        "sliding_window": 48,  # shorter than the prompt, and a draft moves it
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "position_embedding_size": 256,
    }
    config = transformers.Gemma4Config(
        text_config=text,
        vision_config=vision,
        audio_config=None,
        image_token_id=tokenizer.image_token_id,
        boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
        video_token_id=tokenizer.convert_tokens_to_ids("<|video|>"),
        audio_token_id=ids["audio_token"],
        boa_token_id=ids["boa_token"],
        eoa_token_index=ids["eoa_token"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.Gemma4ForConditionalGeneration(config).save_pretrained(folder)
    transformers.Gemma4Processor(
        feature_extractor=transformers.Gemma4AudioFeatureExtractor(),
        image_processor=transformers.Gemma4ImageProcessor(max_soft_tokens=70),
        tokenizer=tokenizer,
        video_processor=transformers.Gemma4VideoProcessor(),
        chat_template=TEMPLATE.replace("<start_of_image>", tokenizer.image_token),
    ).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the directory of a tiny Gemma 4."""
    path = tmp_path_factory.mktemp("gemma4")
    save_gemma4(path)
    return path


def test_it_is_asked_as_a_gemma_3_is(folder):
    gemma = load_gemma(folder)
    assert (gemma.kind, gemma.card) == ("gemma4", None)
    pixels = CAMERA.look(SEEN)
    parallel, forced = GemmaReader(gemma, TASK), GemmaReader(gemma, TASK, way="forced")
    assert np.abs(parallel.probabilities(pixels) - forced.probabilities(pixels)).max() < 1e-3
    free = GemmaReader(gemma, TASK, way="free")
    assert len(free.read(pixels)) == 4
    assert free.replies == Replies(4, 0)
    logits = GemmaPlayer(gemma, TASK, CAMERA).logits(SEEN)
    assert logits.shape == (4, 4)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("layer", ["projected", "tower"])
def test_its_tower_alone_is_an_encoder(folder, tmp_path, layer):
    encoder = make_encoder(folder, TASK, CAMERA, layer=layer, samples=16)
    pixels = CAMERA.look(SEEN)
    latents = encoder.latents(pixels, 4)
    assert latents.shape == (4, *encoder.grid(32, 4), 32) == (4, 8, 8, 32)
    assert np.abs(latents).max() <= 4
    encoder.save(tmp_path / "encoder")
    assert (load_encoder(tmp_path / "encoder").latents(pixels, 4) == latents).all()
    assert "language_model" not in dict(encoder._tower.model.named_children())

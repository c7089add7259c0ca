"""Loading: by directory and by name, whole and the tower alone, and one clear line for everything that is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, SiglipVisionConfig, SiglipVisionModel

from ouroloop.perception.gemma.config import CARD
from ouroloop.perception.gemma.loading import load_gemma
from ouroloop.perception.gemma.towers import load_tower, save_tower
from ouroloop.protocols.errors import SurroundingsError, UsageError

PICTURES = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def copied(trained, tmp_path):
    """Return a copy of the small Gemma's directory, to be spoiled."""
    return shutil.copytree(trained[0], tmp_path / "copy")


def change(folder, **changes):
    """Change keys of config.json; a key with two underscores lies inside another."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key, value in changes.items():
        inner = config
        *outer, last = key.split("__")
        for name in outer:
            inner = inner[name]
        inner[last] = value
    path.write_text(json.dumps(config))


def refused(expected, said, *arguments, load=load_gemma, **settings):
    """Assert that loading fails with one line that says this."""
    with pytest.raises(expected, match=said) as error:
        load(*arguments, **settings)
    assert "\n" not in str(error.value)


def test_a_type_of_weights_can_be_chosen(trained):
    assert load_gemma(trained[0]).model.dtype == torch.float32
    half = load_gemma(trained[0], dtype="bfloat16")
    assert half.model.dtype == torch.bfloat16
    assert half.kind == "gemma3"
    assert half.card is not None


def test_a_name_is_found_in_the_cache_and_nowhere_else(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit = "0" * 40
    held = tmp_path / "models--someone--eyes"
    shutil.copytree(trained[0], held / "snapshots" / commit)
    (held / "refs").mkdir()
    (held / "refs" / "main").write_text(commit)
    assert load_gemma("someone/eyes").name == "someone/eyes"
    refused(SurroundingsError, "the model google/gemma-3-4b-it is not on this machine.*hf download", "google/gemma-3-4b-it")
    refused(SurroundingsError, "is not on this machine", "google/gemma-3-4b-it", load=load_tower)


def test_nothing_is_asked_over_a_network(trained):
    code = (
        "import socket, sys\n"
        "def refuse(*_): sys.exit('a connection was opened')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from ouroloop.perception.gemma.loading import load_gemma\n"
        f"load_gemma({str(trained[0])!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_what_is_no_directory_and_no_name_is_refused(tmp_path):
    refused(UsageError, "no directory, and no name of a model", str(tmp_path / "no" / "such"))
    refused(UsageError, "has no model: config.json is missing", tmp_path)


def test_checkpoints_of_other_kinds_are_refused(tmp_path):
    llama = LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=8)
    LlamaForCausalLM(llama).save_pretrained(tmp_path / "llama")
    refused(UsageError, "is a llama; expected a Gemma that sees", tmp_path / "llama")
    siglip = SiglipVisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=16, patch_size=8
    )
    SiglipVisionModel(siglip).save_pretrained(tmp_path / "siglip")
    refused(UsageError, "is a siglip_vision_model; expected a Gemma", tmp_path / "siglip", load=load_tower)


def test_a_gemma_without_eyes_is_refused(copied):
    change(copied, model_type="gemma3_text")
    refused(UsageError, "is a gemma3_text, which reads text alone", copied)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": None}, "is a model of unknown kind"),
        ({"mm_tokens_per_image": 15}, "makes 15 tokens of 4x4 patches"),
        ({"mm_tokens_per_image": 9}, "makes 9 tokens of 4x4 patches"),
        ({"vision_config__patch_size": 0}, "is not that of a Gemma-3: vision_config.patch_size"),
        ({"vision_config__image_size": 10**9}, "is not that of a Gemma-3: vision_config.image_size"),
        ({"text_config__num_hidden_layers": 10**6}, "has num_hidden_layers = 1e[+]06"),
        ({"text_config__num_hidden_layers": 3}, "cannot be read: .*layer_types"),
        (
            {"text_config__num_hidden_layers": 3, "text_config__layer_types": ["full_attention"] * 3},
            r"has no usable .*layers.2.* \(13 in all\)",
        ),
        ({"text_config__hidden_size": 96}, "has no usable"),
        ({"vision_config__hidden_act": "eval"}, "the weights of .* cannot be read"),
    ],
)
def test_a_configuration_that_is_not_that_of_the_weights_is_refused(copied, changes, said):
    change(copied, **changes)
    refused(UsageError, said, copied)


def test_weights_that_are_not_those_of_the_card_are_refused(copied):
    data = bytearray((copied / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copied / "model.safetensors").write_bytes(bytes(data))
    refused(UsageError, "gemma.json of .* does not match model.safetensors", copied)
    (copied / CARD).unlink()
    assert load_gemma(copied).card is None


def test_damaged_files_are_refused(copied):
    (copied / CARD).write_text("{}")
    refused(UsageError, "gemma.json of .* is damaged: ", copied)
    (copied / CARD).unlink()
    (copied / "tokenizer.json").write_text("{")
    refused(UsageError, "the processor of .* cannot be read", copied)
    (copied / "model.safetensors").write_bytes(b"\xff" * 100)
    refused(UsageError, "the weights of .* cannot be read", copied)
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    refused(UsageError, "no weights in the safetensors format", copied)


def test_devices_that_are_not_there_are_named(trained):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    refused(SurroundingsError, "there is no device cuda", trained[0], device="cuda")
    refused(SurroundingsError, "4-bit weights need a GPU, found the device cpu", trained[0], quantise="4bit")


def test_a_tower_alone_sees_what_the_whole_model_sees(trained, tmp_path):
    whole, tower = load_gemma(trained[0]), load_tower(trained[0])
    values = whole.processor.image_processor(images=list(PICTURES), return_tensors="pt")["pixel_values"]
    expected = whole.model.model.get_image_features(values).pooler_output.view(3, 4, 4, 64)
    assert torch.allclose(tower.features(PICTURES, "projected"), expected, atol=1e-5)
    assert tower.features(PICTURES, "tower").shape == (3, 4, 4, 32)
    assert not hasattr(tower.model, "language_model")
    (tmp_path / "alone").mkdir()
    save_tower(tower, tmp_path / "alone")
    again = load_tower(tmp_path / "alone")
    assert torch.equal(again.features(PICTURES, "projected"), tower.features(PICTURES, "projected"))
    lost = load_file(tmp_path / "alone" / "model.safetensors")
    del lost[next(name for name in lost if "patch_embedding.weight" in name)]
    save_file(lost, tmp_path / "alone" / "model.safetensors", metadata={"format": "pt"})
    refused(UsageError, "has no usable .*patch_embedding.weight", tmp_path / "alone", load=load_tower)

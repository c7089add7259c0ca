"""Checkpoints from strangers: whatever a directory holds, opening it is quick, and refuses it with one clear line."""

from __future__ import annotations

import json
import os
import pickle
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import load_base, open_policy
from ouroloop.policy.bases.directory import check_adapter
from ouroloop.policy.settings import LoraSettings, Shape
from ouroloop.policy.snake_gpt import create, save
from ouroloop.protocols.errors import UsageError
from tests.policy.checkpoints import checkpoint

Spoil = Callable[[Path], None]


def config(**changes: Any) -> Spoil:
    """Return what changes keys of `config.json`; None removes one."""

    def spoil(folder: Path) -> None:
        found = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(found))

    return spoil


def content(name: str, data: bytes | str) -> Spoil:
    return lambda folder: (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode()) and None


def without(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def link(name: str, target: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return spoil


def pipe(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return spoil


def weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        held = load_file(folder / "model.safetensors")
        change(held)
        save_file(held, folder / "model.safetensors")

    return spoil


def card(**changes: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        found = json.loads((folder / "snake_gpt.json").read_text()) | changes
        (folder / "snake_gpt.json").write_text(json.dumps(found))

    return spoil


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def pickled(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Planted(folder / "ran")))
    (folder / "model.safetensors").unlink()


SNAKE: dict[str, tuple[Spoil, str]] = {
    "another activation": (config(hidden_act="gelu"), "hidden_act"),
    "an activation that is none": (config(hidden_act="os.system"), "hidden_act"),
    "an activation of another type": (config(hidden_act=[1]), "hidden_act"),
    "gptq": (config(quantization_config={"quant_method": "gptq", "bits": 4}), "quantization_config"),
    "an unknown quantisation": (config(quantization_config={"quant_method": "mine"}), "quantization_config"),
    "code of its own": (config(auto_map={"AutoModelForCausalLM": "evil.Model"}), "auto_map"),
    "trust_remote_code": (config(trust_remote_code=True), "trust_remote_code"),
    "a million layers": (config(num_hidden_layers=1_000_000), "num_hidden_layers"),
    "no layers": (config(num_hidden_layers=0), "num_hidden_layers"),
    "more layers than weights": (config(num_hidden_layers=100), "missing from the file"),
    "fewer layers than weights": (config(num_hidden_layers=1), "does not belong there"),
    "a negative size": (config(hidden_size=-64), "hidden_size"),
    "a size of another type": (config(hidden_size="64"), "hidden_size"),
    "a size that is a fraction": (config(intermediate_size=128.5), "intermediate_size"),
    "a size that is true": (config(num_attention_heads=True), "num_attention_heads"),
    "a list for a size": (config(hidden_size=[64]), "hidden_size"),
    "heads that do not divide": (config(num_key_value_heads=3), "num_key_value_heads"),
    "a huge vocabulary": (config(vocab_size=10**12), "vocab_size"),
    "another vocabulary": (config(vocab_size=500_000), "has 500000 tokens, the encoding"),
    "a wider model": (config(hidden_size=4096), "has the shape"),
    "a dtype as code": (config(dtype="torch.float64"), "dtype"),
    "another model": (config(model_type="gpt2"), "model_type"),
    "another architecture": (config(architectures=["EvilForCausalLM"]), "architectures"),
    "a scaled rotary embedding": (config(rope_parameters={"rope_type": "yarn", "factor": 8}), "rope_parameters"),
    "a rotary base of zero": (config(rope_parameters={"rope_type": "default", "rope_theta": 0}), "rope_theta"),
    "biases": (config(attention_bias=True), "attention_bias"),
    "an epsilon that is negative": (config(rms_norm_eps=-1e-6), "rms_norm_eps"),
    "short prompts": (config(max_position_embeddings=8), "reads 8 tokens"),
    "tied to nothing": (config(tie_word_embeddings=False), "lm_head.weight is missing"),
    "a key nobody knows": (config(surprise={"a": 1}), "surprise"),
    "NaN": (content("config.json", '{"model_type": "llama", "hidden_size": NaN}'), "NaN"),
    "keys twice": (content("config.json", '{"model_type": "llama", "model_type": "gpt2"}'), "twice"),
    "no JSON": (content("config.json", "import os"), "config.json"),
    "a list": (content("config.json", "[]"), "not that of a Snake-GPT"),
    "deep nesting": (content("config.json", '{"a":' * 10_000 + "1" + "}" * 10_000), "nested"),
    "a config of 100 kB": (content("config.json", " " * 100_000), "at most 65536"),
    "no config": (without("config.json"), "config.json"),
    "a config that is a pipe": (pipe("config.json"), "no regular file"),
    "a config that never ends": (link("config.json", "/dev/zero"), "no regular file"),
    "a card that is a pipe": (pipe("snake_gpt.json"), "missing or damaged"),
    "a card that never ends": (link("snake_gpt.json", "/dev/zero"), "missing or damaged"),
    "a card of another form": (content("snake_gpt.json", '{"format": 7}'), "missing or damaged"),
    "a card of another board": (card(size=8), "tokens, the encoding"),
    "a card of no board": (card(size=-1), "size"),
    "a card of a game that would be imported": (card(task="os:system"), "not installed"),
    "a card of another encoding": (card(encoding="../../etc"), "encoding"),
    "weights that are a pipe": (pipe("model.safetensors"), "no regular file"),
    "weights that never end": (link("model.safetensors", "/dev/zero"), "no regular file"),
    "weights that are missing": (without("model.safetensors"), "model.safetensors"),
    "weights that are pickled": (pickled, "model.safetensors"),
    "a header of 2**63 bytes": (content("model.safetensors", struct.pack("<Q", 2**63) + b"{}"), "model.safetensors"),
    "weights cut short": (lambda f: os.truncate(f / "model.safetensors", 5000), "model.safetensors"),
    "one weight too many": (weights(lambda held: held.update(extra=torch.zeros(2))), "extra does not belong there"),
    "one weight too few": (weights(lambda held: held.pop("model.norm.weight")), "model.norm.weight is missing"),
    "another shape": (weights(lambda held: held.update({"model.norm.weight": torch.ones(7)})), "has the shape"),
    "NaN in the weights": (
        weights(lambda held: held.update({"model.norm.weight": torch.full((32,), torch.nan)})), "finite numbers",
    ),
    "integers for weights": (
        weights(lambda held: held.update({"model.norm.weight": torch.ones(32, dtype=torch.int32)})), "finite numbers",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "p"
    save(create(SnakeTask(6), Shape(hidden=32, heads=2), 1), folder)
    return folder


def copy(source: Path, target: Path) -> Path:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def refused(folder: Path, says: str, open_it: Callable[[], object]) -> str:
    """Return the one line with which a folder is refused, soon and before anything in it ran."""
    start = time.monotonic()
    with pytest.raises(UsageError, match=says) as error:
        open_it()
    assert time.monotonic() - start < 20
    assert "\n" not in str(error.value)
    assert not (folder / "ran").exists()
    return str(error.value)


@pytest.mark.parametrize("what", SNAKE)
def test_a_snake_gpt_from_a_stranger_is_refused_in_one_line(what: str, sound: Path, tmp_path: Path) -> None:
    spoil, says = SNAKE[what]
    folder = copy(sound, tmp_path / "p")
    spoil(folder)
    assert len(refused(folder, says, lambda: open_policy(folder))) < 600


def test_what_lies_beside_a_sound_policy_is_not_read(sound: Path, tmp_path: Path) -> None:
    folder = copy(sound, tmp_path / "p")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Planted(folder / "ran")))
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/etc"}')
    (folder / "generation_config.json").write_text("[" * 100_000)
    (folder / "model.safetensors.index.json").write_text("{}")
    (folder / "evil.py").write_text("raise SystemExit")
    before = torch.get_rng_state()
    opened = open_policy(folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert not (folder / "ran").exists()
    kept = open_policy(sound).model.state_dict()
    assert all(torch.equal(weight, kept[name]) for name, weight in opened.model.state_dict().items())


BASE: dict[str, tuple[Spoil, str]] = {
    "a million layers": (config(num_hidden_layers=1_000_000), "num_hidden_layers"),
    "layers in words": (config(num_hidden_layers="many"), "num_hidden_layers"),
    "a huge vocabulary": (config(vocab_size=10**11), "vocab_size"),
    "a negative width": (config(hidden_size=-64), "hidden_size"),
    "no width": (config(hidden_size=0), "hidden_size"),
    "gptq": (config(quantization_config={"quant_method": "gptq", "bits": 4}), "weights of"),
    "another activation": (config(hidden_act="nonesuch"), "cannot be read"),
    "code of its own": (
        config(model_type="mine", auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}),
        "cannot be read",
    ),
    "another type": (config(num_attention_heads=[4]), "num_attention_heads"),
    "deep nesting": (content("config.json", '{"a":' * 10_000 + "1" + "}" * 10_000), "nested"),
    "NaN": (content("config.json", '{"model_type": "llama", "hidden_size": NaN}'), "NaN"),
    "a config that is a pipe": (pipe("config.json"), "config.json"),
    "a tokenizer that is a pipe": (pipe("tokenizer.json"), "no regular file"),
    "a tokenizer that never ends": (link("tokenizer.json", "/dev/zero"), "no regular file"),
    "weights that never end": (link("model.safetensors", "/dev/zero"), "no regular file"),
    "weights that are pickled": (pickled, "no weights in the safetensors format"),
    "a rotary embedding of another kind": (config(rope_parameters={"rope_type": "nonesuch"}), "cannot be read"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("base") / "llama", "llama")


@pytest.mark.parametrize("what", BASE)
def test_a_base_from_a_stranger_is_refused_in_one_line(what: str, base: Path, tmp_path: Path) -> None:
    spoil, says = BASE[what]
    folder = copy(base, tmp_path / "b")
    spoil(folder)
    refused(folder, says, lambda: load_base(folder, SnakeTask(6), encoding="json"))


@pytest.mark.parametrize(
    "odd",
    [
        {"r": 10**9},
        {"peft_type": "IA3"},
        {"target_modules": "(a+)+$"},
        {"modules_to_save": ["embed_tokens"]},
        {"rank_pattern": {".*": 10**9}},
        {"auto_mapping": {"parent_library": "os"}},
    ],
)
def test_an_adapter_that_is_no_plain_lora_is_refused(odd: dict[str, Any], tmp_path: Path) -> None:
    sound = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}
    save_file({"a": torch.zeros(1)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(sound))
    check_adapter(tmp_path, LoraSettings(rank=4))
    (tmp_path / "adapter_config.json").write_text(json.dumps(sound | odd))
    with pytest.raises(UsageError, match="not the LoRA"):
        check_adapter(tmp_path, LoraSettings(rank=4))

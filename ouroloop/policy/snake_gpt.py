"""Snake-GPT: a plain Hugging Face Llama of under a million parameters, and its directory on disk.

A policy directory holds `model.safetensors`, `config.json`, the tokenizer and `snake_gpt.json`, which says for which game and
settings it was trained (`card`). `AutoModelForCausalLM` and `AutoTokenizer` load it like any other checkpoint. The model is
named after Snake, but it plays any game that has an encoding.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import ValidationError
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, set_seed
from transformers.utils import logging as transformers_logging

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import encoding_of
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.policy.card import GameCard, encoding_for, said
from ouroloop.policy.checkpoint.llama import LlamaShape, read_shape
from ouroloop.policy.checkpoint.stored import read_weights
from ouroloop.policy.settings import Shape
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.protocols.encoding import EOS, PAD
from ouroloop.protocols.errors import SurroundingsError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerFast

    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

CARD = "snake_gpt.json"
WEIGHTS, HEAD = "model.safetensors", "lm_head.weight"


class Card(GameCard):
    """The contents of `snake_gpt.json`."""

    format: Literal[2] = 2


@dataclass(frozen=True, slots=True)
class SnakeGPT:
    """A loaded policy: the model, its encoding, and the name of the task it was trained on; a `language.LanguagePolicy`."""

    model: PreTrainedModel
    encoding: Encoding
    task: str

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer of its prompts, created anew."""
        return build_tokenizer(self.encoding)

    @property
    def actions(self) -> tuple[int, ...]:
        """Token ids of the actions."""
        return self.encoding.actions

    @property
    def end(self) -> int:
        """Token id that ends an answer."""
        return EOS

    @property
    def pad(self) -> int:
        """Token id of padding."""
        return PAD

    def encode(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts, ids (B, L) int32 and mask (B, L) bool, padded on the left."""
        return self.encoding.encode_batch(observations)


def threads(count: int) -> None:
    """Let torch use `count` cores in this process."""
    torch.set_num_threads(count)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers, TRL and accelerate from writing to the console; their settings are restored afterwards."""
    names = ("transformers", "trl", "accelerate", "datasets")
    levels = {name: logging.getLogger(name).level for name in names}
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The rest are deprecations inside transformers, and TRL's note that rollout functions are experimental.
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()


def create(task: Task, shape: Shape, seed: int, encoding: str = "", device: str = "cpu") -> SnakeGPT:
    """Return an untrained policy for a game; the same seed gives the same weights.

    Args:
        task: the game.
        shape: width and depth.
        seed: decides the weights.
        encoding: the encoding that it reads; the game's first by default.
        device: where the model goes.

    Raises:
        UsageError: the encoding does not exist or does not cover the game's settings.
        SurroundingsError: there is no such device.
    """
    check_device(device)
    words = encoding_of(task, encoding)
    config = LlamaConfig(
        vocab_size=len(words.vocabulary),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=words.longest + 8,
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=None,
    )
    set_seed(seed)
    return SnakeGPT(LlamaForCausalLM(config).to(device), words, task.name)


def check_device(device: str) -> None:
    """Refuse a device that does not exist.

    Raises:
        SurroundingsError: the device is `cuda`, but torch finds no GPU.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise SurroundingsError(f'the device is set to "{device}", but torch finds no GPU: set device = "cpu"')


def save(policy: SnakeGPT, out: Path) -> None:
    """Write the policy directory; it appears complete or not at all, and replaces an older one."""
    with whole_directory(out) as folder, quiet():
        policy.model.save_pretrained(folder)
        build_tokenizer(policy.encoding).save_pretrained(folder)
        card = Card.model_validate({**policy.encoding.settings, "task": policy.task, "encoding": policy.encoding.name})
        (folder / CARD).write_text(card.text())


def load(path: Path, *, task: Task | None = None, device: str = "cpu") -> SnakeGPT:
    """Return the policy in a directory.

    The directory may come from a stranger. Only its card, its `config.json` and its `model.safetensors` are read, and none of
    them can run code.

    Args:
        path: the policy directory.
        task: the game that it is to play; by default the installed one that its card names.
        device: where the model goes.

    Raises:
        UsageError: there is no policy, or it belongs to another game, board or vocabulary.
        SurroundingsError: there is no such device.
    """
    check_device(device)
    try:
        card = Card.model_validate_json(read_regular(path / CARD, CARD_BYTES))
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{path} is no policy directory: {CARD} is missing or damaged; name another, or start from `sft`"
        ) from error
    encoding = encoding_for(card, path, task)
    shape = read_shape(path)
    if shape.vocab_size != len(encoding.vocabulary):
        wants = f"the encoding {card.encoding!r} with {said(card.settings)} has {len(encoding.vocabulary)}"
        raise UsageError(f"the policy in {path} has {shape.vocab_size} tokens, {wants}; retrain it")
    if shape.max_position_embeddings < encoding.longest:
        reads = f"the policy in {path} reads {shape.max_position_embeddings} tokens"
        raise UsageError(f"{reads}, a prompt of its encoding has up to {encoding.longest}; retrain it")
    return SnakeGPT(_model(path, shape).eval().to(device), encoding, card.task)


def _model(path: Path, shape: LlamaShape) -> PreTrainedModel:
    """Return the model of a checked configuration with the weights in a directory, in float32.

    Raises:
        UsageError: the weights are damaged, or not those of the configuration.
    """
    config = LlamaConfig(**shape.settings())
    with quiet():
        with torch.device("meta"):
            expected = {name: tuple(weight.shape) for name, weight in LlamaForCausalLM(config).state_dict().items()}
        if shape.tie_word_embeddings:
            del expected[HEAD]
        weights = read_weights(path / WEIGHTS, expected, f"the policy in {path}")
        with torch.random.fork_rng(devices=()):  # loading draws no random numbers, as far as anybody else can see
            model = LlamaForCausalLM(config)
    model.load_state_dict(weights, strict=not shape.tie_word_embeddings)
    return model

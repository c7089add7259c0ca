"""The directory of a seeing policy: as a Snake-GPT's, with `seeing.json` as its card, and its eye in `eye/`.

It may come from a stranger. Its card, its configuration and its weights are read in strict forms, and its eye is opened by
code that is installed here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import torch
from pydantic import Field, ValidationError

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import sight_of
from ouroloop.envs.registry import installed_task
from ouroloop.files import CARD_BYTES, read_regular
from ouroloop.policy.card import GameCard, encoding_for, said
from ouroloop.policy.checkpoint.llama import LlamaNumbers, read_numbers
from ouroloop.policy.checkpoint.stored import read_weights
from ouroloop.policy.fusion.config import FusionConfig
from ouroloop.policy.fusion.eyes import open_eye
from ouroloop.policy.fusion.layout import Layout
from ouroloop.policy.fusion.model import FusedForCausalLM, fused_config, register
from ouroloop.policy.fusion.seeing import Seeing
from ouroloop.policy.fusion.stages import merged, staged
from ouroloop.policy.snake_gpt import HEAD, WEIGHTS, check_device, quiet
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Eye, Task

CARD: Final = "seeing.json"
EYE: Final = "eye"


class Card(GameCard):
    """The contents of `seeing.json`."""

    format: Literal[1] = 1
    fusion: FusionConfig


class FusedShape(LlamaNumbers):
    """Everything that `config.json` of a seeing policy may hold."""

    model_type: Literal["ouroloop_fused"]
    architectures: list[Literal["FusedForCausalLM"]] = Field(default=["FusedForCausalLM"], max_length=1)
    layout: Layout


def is_seeing(path: Path) -> bool:
    """Tell whether a directory is that of a seeing policy."""
    return (path / CARD).is_file()


def save_seeing(policy: Seeing, out: Path) -> None:
    """Write the policy directory; it appears complete or not at all, and replaces an older one. An adapter is merged in."""
    with whole_directory(out) as folder, quiet():
        merged(policy.model).save_pretrained(folder)
        build_tokenizer(policy.encoding).save_pretrained(folder)
        facts = {**policy.encoding.settings, "task": policy.task, "encoding": policy.encoding.name, "fusion": policy.fusion}
        (folder / CARD).write_text(Card.model_validate(facts).text())
        policy.eye.save(folder / EYE)


def open_seeing(
    path: Path,
    *,
    task: Task | None = None,
    trainable: bool = False,
    device: str = "cpu",
    seed: int = 0,
    eye: Eye | None = None,
) -> Seeing:
    """Return the seeing policy in a directory.

    Args:
        path: the policy directory.
        task: the game that it is to play; by default the installed one that its card names.
        trainable: set its weights up for training, as its stage says.
        device: where the model goes.
        seed: of a fresh adapter, if its stage has one.
        eye: what it looks through instead of its own eye, for instance the same encoder behind another camera.

    Raises:
        UsageError: it is damaged or belongs to another game or board, or its eye cannot be opened.
        SurroundingsError: there is no such device.
    """
    check_device(device)
    register()
    try:
        card = Card.model_validate_json(read_regular(path / CARD, CARD_BYTES))
    except (OSError, ValidationError) as error:
        raise UsageError(f"{path} is no policy directory: {CARD} is missing or damaged; name another, or train one") from error
    encoding = encoding_for(card, path, task)
    task = task or installed_task(card.task, card.settings)
    shape, sight = read_numbers(path, FusedShape), sight_of(task)
    if shape.vocab_size != len(encoding.vocabulary):
        wants = f"the encoding {card.encoding!r} with {said(card.settings)} has {len(encoding.vocabulary)}"
        raise UsageError(f"the policy in {path} has {shape.vocab_size} tokens, {wants}; retrain it")
    if (shape.layout.side, shape.layout.classes, shape.layout.memory) != (sight.side, sight.classes, len(sight.unseen)):
        raise UsageError(f"the policy in {path} was made for other pictures than those of {task.name}; retrain it")
    eye = eye or open_eye(path / EYE, task)
    model = _model(path, shape).to(device)
    model = staged(model, card.fusion, seed) if trainable else model
    return Seeing(model.eval(), encoding, card.task, eye, shape.layout, sight.unseen, card.fusion)


def restaged(policy: Seeing, fusion: FusionConfig, seed: int) -> Seeing:
    """Return a policy set up for another stage of its training; its layout stays.

    Args:
        policy: an opened one that is not set up for training.
        fusion: names the stage, the adapter and the weight of the read-out.
        seed: of a fresh adapter.
    """
    changed = {"stage": fusion.stage, "lora": fusion.lora, "readout": fusion.readout}
    kept = policy.fusion.model_copy(update=changed)
    return replace(policy, model=staged(policy.model, kept, seed), fusion=kept)


def _model(path: Path, shape: FusedShape) -> Any:
    """Return the model of a checked configuration with the weights in a directory, in float32."""
    config = fused_config(shape, shape.layout)
    with quiet():
        with torch.device("meta"):
            expected = {name: tuple(weight.shape) for name, weight in FusedForCausalLM(config).state_dict().items()}
        if shape.tie_word_embeddings:
            del expected[HEAD]
        weights = read_weights(path / WEIGHTS, expected, f"the policy in {path}")
        with torch.random.fork_rng(devices=()):  # loading draws no random numbers, as far as anybody else can see
            model = FusedForCausalLM(config)
    model.load_state_dict(weights, strict=not shape.tie_word_embeddings)
    return model

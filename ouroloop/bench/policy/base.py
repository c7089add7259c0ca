"""A stand-in for somebody else's language model: a plain Llama with a tokenizer of bytes and random weights.

Benchmarks cannot download a model, and size, speed and errors do not depend on what the weights have learned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.bases import load_base, save_policy
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import create, quiet

END: Final = "<end>"
ENCODING: Final = ("json", 20)
"""The model has embeddings for this encoding's tokens, more than the tokenizer has, and room for its longest text."""


def write_checkpoint(folder: Path, shape: Shape, joined: Sequence[tuple[str, str]] = ()) -> Path:
    """Write a checkpoint as `save_pretrained` does, and return its folder.

    Args:
        folder: the folder to make.
        shape: of the model.
        joined: pairs of characters that the tokenizer treats as one token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        create(SnakeTask(ENCODING[1]), shape, 0, ENCODING[0]).model.save_pretrained(folder)
    write_tokenizer(folder, joined)
    return folder


def write_tokenizer(folder: Path, joined: Sequence[tuple[str, str]] = (), *, shift: int = 0) -> None:
    """Write a byte-level tokenizer with a token for each byte and for each joined pair.

    Args:
        folder: where to write it.
        joined: pairs of byte-level characters, such as "Ċ" for the end of a line.
        shift: how far the bytes' ids are rotated.
    """
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [END, *signs[shift:], *signs[:shift], *("".join(pair) for pair in joined)]
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=list(joined)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_policy(out: Path, size: int, shape: Shape) -> Path:
    """Write the policy directory of such a base, with all of its weights in it, and return it."""
    checkpoint = write_checkpoint(out.with_name(f"{out.name}-base"), shape)
    save_policy(load_base(checkpoint, SnakeTask(size), encoding="json"), out)
    return out

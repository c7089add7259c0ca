"""A language model as somebody else would have made it: a plain Llama with a tokenizer of bytes, weights random.

None can be fetched where benchmarks run, and size, speed and errors do not ask what the weights have learned.
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
"""The model has embeddings for this encoding's tokens, more than the tokenizer has, and reads texts of its length."""


def write_checkpoint(folder: Path, shape: Shape, joined: Sequence[tuple[str, str]] = ()) -> Path:
    """Write a checkpoint as `save_pretrained` does, and return its folder.

    Args:
        folder: to make.
        shape: of the model.
        joined: pairs of signs that the tokenizer takes for one token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        create(SnakeTask(ENCODING[1]), shape, 0, ENCODING[0]).model.save_pretrained(folder)
    write_tokenizer(folder, joined)
    return folder


def write_tokenizer(folder: Path, joined: Sequence[tuple[str, str]] = (), *, shift: int = 0) -> None:
    """Write a byte-level tokenizer: a token for each byte and for each pair that is joined.

    Args:
        folder: where.
        joined: pairs of byte-level signs, as "Ċ" for the end of a line.
        shift: by which the bytes' ids are moved on, in a circle.
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
    """Write the policy directory of such a base, all of its weights its own, and return it."""
    checkpoint = write_checkpoint(out.with_name(f"{out.name}-base"), shape)
    save_policy(load_base(checkpoint, SnakeTask(size), encoding="json"), out)
    return out

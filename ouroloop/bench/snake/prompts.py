"""The prompts of each encoding: their lengths, how steady they are, and how fast they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.peers.general_tokens import general_tokens, least_tokens
from ouroloop.bench.timing import significant
from ouroloop.envs.snake.encodings import Encoding, encoding_of
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.serving.local import LocalPolicy
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import create

if TYPE_CHECKING:
    from ouroloop.protocols.records import Observations
SMALLEST: Final = Shape(hidden=16, layers=1, heads=1, intermediate=16)


def cases(name: str, size: int, seen: Observations) -> dict[str, Callable[[], int]]:
    """Return work on a batch: to ids, back to states, and to the logits of a Snake-GPT of the default shape."""
    encoding, policy = encoding_of(name, size), LocalPolicy(create(SnakeTask(size), Shape(), 0, name))
    ids, _ = encoding.encode_batch(seen)

    def encodes() -> int:
        encoding.encode_batch(seen)
        return len(seen)

    def decodes() -> int:
        return len([encoding.decode(row) for row in ids])

    def decisions() -> int:
        return len(policy.logits(seen))

    return {"encodes": encodes, "decodes": decodes, "decisions": decisions}


def prompts(encoding: Encoding, seen: Observations) -> dict[str, Any]:
    """Return how long the prompts are, counted in each way, and what the vocabulary costs."""
    tokens = encoding.encode_batch(seen)[1].sum(axis=1)
    texts = encoding.texts(seen)
    parameters = {
        kind: int(create(SnakeTask(encoding.size), shape, 0, encoding.name).model.num_parameters())
        for kind, shape in (("smallest", SMALLEST), ("default", Shape()))
    }
    return {
        "tokens": {
            "mean": significant(float(tokens.mean())),
            "min": int(tokens.min()),
            "max": int(tokens.max()),
            "deviation": significant(float(tokens.std()), 3),
            "variation": significant(float(tokens.std() / tokens.mean()), 3),
            "constant": bool(tokens.min() == tokens.max()),
        },
        "characters": significant(float(np.mean([len(text) for text in texts]))),
        "general_tokens": significant(float(np.mean(general_tokens(texts)))),
        "general_tokens_least": significant(float(np.mean(least_tokens(texts)))),
        "vocabulary": len(encoding.vocabulary),
        "parameters": parameters,
    }

"""The small CLIP: open_clip's own `CLIP` by a configuration of ours, in which a patch of the picture is a cell of the board.

Why a pooled vector can hold a board: the vision tower averages what its last layer says of each cell (`pool_type = "avg"`), so
a board is a sum of vectors, one for each pair of cell and class. The text tower's last layer attends from the end of the
text to every place that it names, which is such a sum too. Two boards that differ in one cell then differ by one term.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import torch
from open_clip.model import CLIP

from ouroloop.perception.clip.words import EOS, PAD
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ouroloop.perception.clip.config import ClipConfig

POSITION: Final = 0.5
"""Standard deviation of the initial positional embeddings, as large as the patches' own vectors at the beginning."""
PREPROCESS: Final = {
    "size": 0,
    "mode": "RGB",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "interpolation": "bilinear",
    "resize_mode": "squash",
    "fill_color": 0,
}
"""What is done to a picture before the vision tower, in open_clip's terms; `size` is the picture's."""


def settings(config: ClipConfig, side: int, words: int, context: int) -> dict[str, Any]:
    """Return the contents of `open_clip_config.json`.

    Args:
        config: the small CLIP's.
        side: cells per side of the boards.
        words: size of the vocabulary.
        context: tokens of a text, at most.

    Raises:
        UsageError: the heads do not divide a width.
    """
    for name, width in (("vision_width", config.vision_width), ("text_width", config.text_width)):
        if width % config.heads:
            raise UsageError(f"{name} {width} is no multiple of the {config.heads} heads: change one of them")
    pixels = side * config.camera.cell_px
    vision = {
        "image_size": pixels,
        "patch_size": config.camera.cell_px,
        "width": config.vision_width,
        "layers": config.vision_layers,
        "head_width": config.vision_width // config.heads,
        "mlp_ratio": config.mlp_ratio,
        "pool_type": "avg",
    }
    text = {
        "context_length": context,
        "vocab_size": words,
        "width": config.text_width,
        "heads": config.heads,
        "layers": config.text_layers,
        "mlp_ratio": config.mlp_ratio,
        "pool_type": "eos",
        "eos_id": EOS,
        "pad_id": PAD,
        "hf_tokenizer_name": "here",
    }
    model = {"embed_dim": config.embed_dim, "vision_cfg": vision, "text_cfg": text}
    return {"model_cfg": model, "preprocess_cfg": {**PREPROCESS, "size": [pixels, pixels]}}


def build(model_cfg: dict[str, Any], seed: int) -> CLIP:
    """Return an untrained model of a configuration; the same seed gives the same weights."""
    with seeded(seed):
        model = CLIP(**model_cfg)
        torch.nn.init.normal_(model.visual.positional_embedding, std=POSITION)
    return model


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's own generator, which constructors draw from, begin at a seed; it is restored afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield

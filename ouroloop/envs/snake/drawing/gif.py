"""A game as an animated GIF: all frames share one palette, and each stores only what differs from the frame before."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from ouroloop.envs.snake.drawing import tile
from ouroloop.envs.snake.drawing.paint import paint
from ouroloop.envs.snake.drawing.scene import Scene


def encoded(scenes: Sequence[Scene], pauses_ms: Sequence[int]) -> bytes:
    """Return the bytes of a GIF of these scenes, at least one; each scene stays for its pause."""
    first, *rest = _changes([paint(scene) for scene in scenes])
    out = io.BytesIO()
    first.save(
        out,
        "GIF",
        save_all=True,
        append_images=rest,
        duration=list(pauses_ms),
        loop=0,
        disposal=1,
        optimize=False,
        palette=bytes(tile.palette().getpalette() or ()),
        transparency=tile.CLEAR,
    )
    return out.getvalue()


def _changes(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the first picture whole, and of each later one only what differs from the one before; the rest is transparent."""
    cut = [pictures[0]]
    for before, picture in pairwise(pictures):
        change = picture.copy()
        change.paste(tile.CLEAR, mask=Image.fromarray(np.asarray(picture) == np.asarray(before)))
        cut.append(change)
    return cut

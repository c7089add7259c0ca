"""A game as an animated GIF: all frames share one palette, and each stores only what differs from the frame before."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from PIL import Image

from ouroloop.envs.snake.drawing import tile
from ouroloop.envs.snake.drawing.colours import GROUND, MUTED, NIGHT, PALE, Colour
from ouroloop.envs.snake.drawing.heat import glow
from ouroloop.envs.snake.drawing.paint import paint
from ouroloop.envs.snake.drawing.scene import Scene

SAMPLE: Final = 16
"""Frames with heat from which their palette is made."""
FIXED: Final[tuple[Colour, ...]] = (NIGHT, *GROUND, PALE, MUTED)
"""Colours of large areas and of letters, which the palette has as they are."""


def encoded(scenes: Sequence[Scene], pauses_ms: Sequence[int]) -> bytes:
    """Return the bytes of a GIF of these scenes, at least one; each scene stays for its pause."""
    if any(scene.heat for scene in scenes):
        pictures, palette = in_one_palette([glow(scene) for scene in scenes])
    else:
        pictures, palette = [paint(scene) for scene in scenes], tile.palette()
    first, *rest = _changes(pictures)
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
        palette=bytes(palette.getpalette() or ()),
        transparency=tile.CLEAR,
    )
    return out.getvalue()


def in_one_palette(pictures: Sequence[Image.Image]) -> tuple[list[Image.Image], Image.Image]:
    """Return RGB pictures of one size in a palette that suits all of them and leaves `tile.CLEAR` free; and its image."""
    sample = pictures[:: -(-len(pictures) // SAMPLE)]
    strip = Image.new("RGB", (sample[0].width, sample[0].height * len(sample)))
    for index, picture in enumerate(sample):
        strip.paste(picture, (0, index * picture.height))
    listed = strip.quantize(tile.CLEAR - len(FIXED), method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = tile.palette_of([*FIXED, *zip(*(listed[channel::3] for channel in range(3)), strict=True)])
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures], palette


def _changes(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the first picture whole, and of each later one only what differs from the one before; the rest is transparent."""
    cut = [pictures[0]]
    for before, picture in pairwise(pictures):
        change = picture.copy()
        change.paste(tile.CLEAR, mask=Image.fromarray(np.asarray(picture) == np.asarray(before)))
        cut.append(change)
    return cut

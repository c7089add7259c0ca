"""A small picture, drawn large and scaled down for smooth edges, in one palette."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Final, TypeAlias

from PIL import Image, ImageDraw

from ouroloop.envs.snake.drawing.colours import APPLE, GROUND, INK, LEAF, MUTED, NIGHT, PALE, STONE, Colour, blend, gradient

FINE: Final = 6
"""Drawn pixels per pixel of a tile, in each direction."""
SHADES: Final = 24
"""Shades of the snake."""
CLEAR: Final = 255
"""Palette index of the transparent colour, through which the frame before shows."""
GROWTH: Final[Colour] = (66, 205, 134)
"""Of the line that tells how full the board is."""
SHINE: Final = blend(APPLE, PALE, 0.55)
RIM: Final = 0.05
"""Width of the dark line around it."""
MIDDLE: Final = (0.5, 0.5)

Point: TypeAlias = tuple[float, float]


@cache
def palette() -> Image.Image:
    """Return an image whose palette has every colour in use, and blends of those that touch."""
    shades = [gradient(index / (SHADES - 1)) for index in range(SHADES)]
    meet = [(shade, INK) for shade in shades] + [(PALE, INK), (SHINE, APPLE), (GROWTH, GROUND[1])]
    meet += [(MUTED, NIGHT), (PALE, NIGHT)] + [(colour, ground) for ground in GROUND for colour in (INK, APPLE, LEAF, STONE)]
    colours = [NIGHT, *GROUND, *(colour for pair in meet for colour in pair)]
    colours += [blend(*pair, share) for pair in meet for share in (0.25, 0.5, 0.75)]
    return palette_of(colours)


def palette_of(colours: Sequence[Colour]) -> Image.Image:
    """Return an image whose palette has these colours, fewer than 256, each once, and is filled up with others.

    All 256 differ, because a GIF's frames are brought into one palette by their colours. The last is `CLEAR`.
    """
    unique = list(dict.fromkeys(colours))
    assert len(unique) <= CLEAR, "the palette is full"
    loud = ((255, 0, index) for index in range(256))  # near none that is drawn
    unique += [colour for colour in loud if colour not in unique][: 256 - len(unique)]
    image = Image.new("P", (1, 1))
    image.putpalette([channel for colour in unique for channel in colour])
    return image


def in_palette(picture: Image.Image) -> Image.Image:
    """Return an RGB picture in the palette's colours."""
    return picture.quantize(palette=palette(), dither=Image.Dither.NONE)


class Tile:
    """One cell while it is drawn.

    Args:
        cell: its side in pixels.
        parity: which of the two background colours it has.
    """

    def __init__(self, cell: int, parity: int) -> None:
        """Begin with the background."""
        self._cell, self.unit = cell, cell * FINE
        self._image = Image.new("RGB", (self.unit, self.unit), GROUND[parity])
        self.pen = ImageDraw.Draw(self._image)

    def disc(self, middle: Point, radius: float, colour: Colour) -> None:
        """Draw a disc; all lengths are in cells."""
        x, y = middle
        self.pen.ellipse([self.unit * edge for edge in (x - radius, y - radius, x + radius, y + radius)], fill=colour)

    def line(self, start: Point, end: Point, width: float, colour: Colour) -> None:
        """Draw a line; all lengths are in cells."""
        self.pen.line([self.unit * edge for edge in (*start, *end)], fill=colour, width=max(1, round(self.unit * width)))

    def tube(self, path: Sequence[Point], widths: Sequence[float], colour: Colour) -> None:
        """Draw a tube along rows and columns, with its rim; `widths` are half its width at each point of the path."""
        for more, paint in ((RIM, INK), (0.0, colour)):
            for (start, end), (first, last) in zip(pairwise(path), pairwise(widths), strict=True):
                (x, y), (u, v), near, far = start, end, first + more, last + more
                across, along = (0.0, 1.0) if y == v else (1.0, 0.0)
                sides = ((x, y, near), (u, v, far), (u, v, -far), (x, y, -near))
                self.pen.polygon(
                    [round(self.unit * e) for a, b, w in sides for e in (a + w * across, b + w * along)], fill=paint
                )
            middle = path.index(MIDDLE)
            self.disc(MIDDLE, widths[middle] + more - 0.01, paint)  # no wider than the straight parts after rounding

    def done(self) -> Image.Image:
        """Return the tile, in the palette's colours."""
        return in_palette(self._image.reduce(FINE))

"""The cells of a board as small pictures: drawn large, made small for smooth edges, in one palette, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

from PIL import Image, ImageDraw

from ouroloop.envs.snake.drawing.scene import APPLE, GROUND, INK, LEAF, MUTED, NIGHT, PALE, STONE, Colour, blend, gradient

FINE: Final = 6
"""Drawn pixels per pixel of a tile, each way."""
SHADES: Final = 24
"""Of the snake."""
CLEAR: Final = 255
"""What shows the frame before."""
GROWTH: Final[Colour] = (66, 205, 134)
"""Of the line that tells how full the board is."""
SHINE: Final = blend(APPLE, PALE, 0.55)
LOOKS: Final = ((0, -1), (0, 1), (-1, 0), (1, 0))
"""x and y of a step up, down, left and right."""
WIDTHS: Final = (0.18, 0.23, 0.28, 0.32, 0.36, 0.36)
"""Half the snake's width in cells, from the tip of the tail on; the last holds for the rest, as the one before it does."""
RIM: Final = 0.05
"""Width of the dark line around it."""
MIDDLE: Final = (0.5, 0.5)

Point: TypeAlias = tuple[float, float]


@cache
def palette() -> Image.Image:
    """Return an image whose palette has every colour in use and what lies between those that meet."""
    shades = [gradient(index / (SHADES - 1)) for index in range(SHADES)]
    meet = [(shade, INK) for shade in shades] + [(PALE, INK), (SHINE, APPLE), (GROWTH, GROUND[1])]
    meet += [(MUTED, NIGHT), (PALE, NIGHT)] + [(colour, ground) for ground in GROUND for colour in (INK, APPLE, LEAF, STONE)]
    colours = [NIGHT, *GROUND, *(colour for pair in meet for colour in pair)]
    colours += [blend(*pair, share) for pair in meet for share in (0.25, 0.5, 0.75)]
    unique = list(dict.fromkeys(colours))
    assert len(unique) <= CLEAR, "the palette is full"
    unique += [(255, 0, index) for index in range(256 - len(unique))]  # loud, and next to none that is drawn
    image = Image.new("P", (1, 1))
    image.putpalette([channel for colour in unique for channel in colour])
    return image


def in_palette(picture: Image.Image) -> Image.Image:
    """Return an RGB picture in the palette's colours."""
    return picture.quantize(palette=palette(), dither=Image.Dither.NONE)


class Tile:
    """One cell at work.

    Args:
        cell: its side in pixels.
        parity: which of the two grounds it has.
    """

    def __init__(self, cell: int, parity: int) -> None:
        """Begin with the ground."""
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
        """Draw a tube along rows and columns, with its rim; `widths` are half of its own, at each point of the path."""
        for more, paint in ((RIM, INK), (0.0, colour)):
            for (start, end), (first, last) in zip(pairwise(path), pairwise(widths), strict=True):
                (x, y), (u, v), near, far = start, end, first + more, last + more
                across, along = (0.0, 1.0) if y == v else (1.0, 0.0)
                sides = ((x, y, near), (u, v, far), (u, v, -far), (x, y, -near))
                self.pen.polygon(
                    [round(self.unit * e) for a, b, w in sides for e in (a + w * across, b + w * along)], fill=paint
                )
            middle = path.index(MIDDLE)
            self.disc(MIDDLE, widths[middle] + more - 0.01, paint)  # no wider than the legs, however it is rounded

    def done(self) -> Image.Image:
        """Return the tile, in the palette's colours."""
        return in_palette(self._image.reduce(FINE))


@lru_cache(maxsize=8)
def wall(cell: int, parity: int) -> Image.Image:
    """Return a wall."""
    tile = Tile(cell, parity)
    inset = tile.unit / 14
    tile.pen.rounded_rectangle((inset, inset, tile.unit - inset, tile.unit - inset), tile.unit / 6, fill=STONE)
    return tile.done()


@lru_cache(maxsize=8)
def free(cell: int, parity: int) -> Image.Image:
    """Return an empty cell."""
    return Tile(cell, parity).done()


@lru_cache(maxsize=8)
def apple(cell: int, parity: int) -> Image.Image:
    """Return the food."""
    tile = Tile(cell, parity)
    tile.disc((0.5, 0.55), 0.33, APPLE)
    tile.disc((0.38, 0.44), 0.085, SHINE)
    tile.line((0.5, 0.27), (0.55, 0.1), 0.07, blend(LEAF, INK, 0.5))
    tile.pen.ellipse([tile.unit * edge for edge in (0.54, 0.06, 0.8, 0.23)], fill=LEAF)
    return tile.done()


@lru_cache(maxsize=8192)
def body(cell: int, parity: int, ahead: int, behind: int | None, shade: int, tip: int) -> Image.Image:
    """Return a part of the snake that is no head.

    Args:
        cell: its side in pixels.
        parity: which of the two grounds it has.
        ahead: direction of the part before it, 0..3.
        behind: direction of the part after it; None at the tip of the tail.
        shade: its colour, 0..`SHADES` - 1.
        tip: parts from it to the tip, `len(WIDTHS) - 1` for all that are further away.
    """
    tile = Tile(cell, parity)
    before, here, after = (WIDTHS[min(max(0, tip + step), len(WIDTHS) - 1)] for step in (-1, 0, 1))
    path, widths = [MIDDLE, _edge(ahead)], [here, (here + after) / 2]
    if behind is not None:
        path, widths = [_edge(behind), *path], [(before + here) / 2, *widths]
    tile.tube(path, widths, gradient(shade / (SHADES - 1)))
    return tile.done()


@lru_cache(maxsize=256)
def head(cell: int, parity: int, heading: int, shade: int, tip: int, lost: bool) -> Image.Image:
    """Return the head.

    Args:
        cell: its side in pixels.
        parity: which of the two grounds it has.
        heading: where it looks, 0..3.
        shade: as for `body`.
        tip: as for `body`; 0 where the head is all of the snake.
        lost: it has lost the game.
    """
    tile, (x, y), colour = Tile(cell, parity), LOOKS[heading], gradient(shade / (SHADES - 1))
    if tip:
        here, before = WIDTHS[tip], WIDTHS[tip - 1]
        tile.tube([(0.5 - x / 2, 0.5 - y / 2), MIDDLE], [(here + before) / 2, here], colour)
    tile.disc(MIDDLE, 0.47, INK)
    tile.disc(MIDDLE, 0.42, colour)
    for side in (-1, 1):
        eye = (0.5 + 0.13 * x + 0.2 * side * y, 0.5 + 0.13 * y + 0.2 * side * x)
        if lost:
            for slope in (-1, 1):
                tile.line((eye[0] - 0.1, eye[1] - 0.1 * slope), (eye[0] + 0.1, eye[1] + 0.1 * slope), 0.07, INK)
        else:
            tile.disc(eye, 0.15, PALE)
            tile.disc((eye[0] + 0.05 * x, eye[1] + 0.05 * y), 0.09, INK)
    return tile.done()


def _edge(direction: int) -> Point:
    """Return the middle of a cell's edge."""
    x, y = LOOKS[direction]
    return 0.5 + x / 2, 0.5 + y / 2

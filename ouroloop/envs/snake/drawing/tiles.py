"""The cells of a board as small pictures: drawn large, scaled down for smooth edges, in one palette, and cached."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from PIL import Image

from ouroloop.envs.snake.drawing.colours import APPLE, INK, LEAF, PALE, STONE, blend, gradient
from ouroloop.envs.snake.drawing.tile import MIDDLE, SHADES, SHINE, Point, Tile
from ouroloop.envs.snake.encodings.board import STEPS

WIDTHS: Final = (0.18, 0.23, 0.28, 0.32, 0.36, 0.36)
"""Half the snake's width in cells, from the tip of the tail on; all parts further ahead have the last width."""


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
    """Return a part of the snake other than the head.

    Args:
        cell: its side in pixels.
        parity: which of the two background colours it has.
        ahead: direction of the part before it, 0..3.
        behind: direction of the part after it; None at the tip of the tail.
        shade: its colour, 0..`SHADES` - 1.
        tip: number of parts from it to the tip, at most `len(WIDTHS) - 1`.
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
        parity: which of the two background colours it has.
        heading: where it looks, 0..3.
        shade: as for `body`.
        tip: as for `body`; 0 if the head is the whole snake.
        lost: whether it has lost the game.
    """
    tile, (y, x), colour = Tile(cell, parity), STEPS[heading], gradient(shade / (SHADES - 1))
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
    y, x = STEPS[direction]
    return 0.5 + x / 2, 0.5 + y / 2

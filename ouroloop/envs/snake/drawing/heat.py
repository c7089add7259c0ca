"""What speaks for a move, as a warm glow over the board, and the move itself as an arrow.

A cell's ground takes the colour of its heat, the more the hotter it is. What lies on the cell takes less of it, so that the
snake stays a snake.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ouroloop.envs.snake.drawing.colours import INK, MUTED, NIGHT, PALE, warmth
from ouroloop.envs.snake.drawing.paint import HEADER, MARGIN, board_of, cell_of, corner, empty_board, font, paint
from ouroloop.envs.snake.drawing.scene import Scene
from ouroloop.envs.snake.encodings.board import STEPS

FINE: Final = 4
"""Drawn pixels per pixel of an arrow or an overlay, in each direction."""
OVER_GROUND, OVER_THINGS = 0.96, 0.42
"""How much the hottest colour covers of the ground, and of what lies on it."""
BRIGHTER, DARKER = 110.0, 14.0
"""Distances of a colour from the ground's, in RGB, from which on a pixel is wholly part of a thing: rims are darker."""
BEND: Final = 0.45
"""Exponent of the heat in how much it covers: below 1, so that moderate heat can be told from none."""
FOOTER: Final = 30


def glow(scene: Scene) -> Image.Image:
    """Return a frame of a game as `paint` draws it, with heat, arrow and the name of what found the heat: an RGB picture."""
    cell, plain = cell_of(scene), paint(scene)
    picture = Image.new("RGB", (plain.width, plain.height + FOOTER - MARGIN // 2), NIGHT)
    picture.paste(warmed(plain, scene, cell), (0, 0))
    _key(picture, scene.lens, MARGIN, plain.height + (FOOTER - MARGIN) // 2, plain.width - 2 * MARGIN, 12)
    return picture


def warmed(picture: Image.Image, scene: Scene, cell: int) -> Image.Image:
    """Return a picture of a board, drawn by `paint` or `board_of`, with heat and arrow."""
    pixels, ground = (np.asarray(one.convert("RGB"), np.float32) for one in (picture, empty_board(scene.size, cell)))
    share, colour = _overlay(scene, cell, pixels.shape[:2])
    alpha = (share * (OVER_GROUND + (OVER_THINGS - OVER_GROUND) * _things(pixels - ground)))[..., None]
    out = Image.fromarray((pixels * (1 - alpha) + colour * alpha).round().astype(np.uint8))
    if scene.action is not None:
        _arrow(out, scene, cell)
    return out


def _overlay(scene: Scene, cell: int, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return of each pixel how much heat covers it, (H, W) in [0, 1], and the heat's colour, (H, W, 3)."""
    share, colour = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32)
    mask = _rounded(cell)
    for at, heat in enumerate(scene.heat):
        x, y = corner(scene, at, cell)
        own = slice(y, y + cell), slice(x, x + cell)
        share[own], colour[own] = mask * heat**BEND, warmth(heat)
    return share, colour


def _things(apart: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return of each pixel, in [0, 1], how much it shows a thing and not the ground, from how they differ, (H, W, 3)."""
    thing = np.clip(np.linalg.norm(apart, axis=2) / np.where(apart.sum(axis=2) < 0, DARKER, BRIGHTER), 0, 1)
    image = Image.fromarray((255 * thing).astype(np.uint8))
    closed = image.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))  # between a thing and its own rim
    return np.asarray(closed, np.float32) / np.float32(255)


def _rounded(cell: int) -> NDArray[np.float32]:
    """Return a cell's overlay, (cell, cell) in [0, 1]: a square with rounded corners and smooth edges."""
    big, inset = cell * FINE, max(1, cell * FINE // 28)
    image = Image.new("L", (big, big))
    ImageDraw.Draw(image).rounded_rectangle((inset, inset, big - 1 - inset, big - 1 - inset), big // 6, fill=255)
    return np.asarray(image.reduce(FINE), np.float32) / np.float32(255)


def _arrow(picture: Image.Image, scene: Scene, cell: int) -> None:
    """Draw the move: an arrow from the head into the next cell, with smooth edges."""
    down, right = STEPS[scene.action or 0]
    x, y = corner(scene, scene.snake[0], cell)
    for colour, grow in ((INK, 0.05), (PALE, 0.0)):
        turned = [(1.5 + a * right + b * down, 1.5 + a * down + b * right) for a, b in _outline(grow)]
        mask = Image.new("L", (3 * cell * FINE, 3 * cell * FINE))
        ImageDraw.Draw(mask).polygon([(cell * FINE * u, cell * FINE * v) for u, v in turned], fill=255)
        picture.paste(colour, (x - cell, y - cell), mask.reduce(FINE))


def _outline(grow: float) -> list[tuple[float, float]]:
    """Return the corners of an arrow from the head on, in cells: along the move, and across it."""
    start, neck, tip, thin, wide = 0.52 - grow, 0.86, 1.28 + 1.6 * grow, 0.075 + grow, 0.22 + 1.7 * grow
    neck -= grow
    half = [(start, thin), (neck, thin), (neck, wide)]
    return [*half, (tip, 0.0), *((a, -b) for a, b in reversed(half))]


def _key(picture: Image.Image, name: str, x: int, y: int, width: int, px: int) -> None:
    """Write what found the heat, and draw its scale of colours to the right of it."""
    pen = ImageDraw.Draw(picture)
    pen.text((x, y), name, MUTED, font(px), anchor="lm")
    ramp = Image.new("RGB", (64, 1))
    ramp.putdata([warmth(step / 63) for step in range(64)])
    long, high = width // 4, max(4, px // 2)
    picture.paste(ramp.resize((long, high)), (x + width - long, y - high // 2))


def board_with_heat(scene: Scene, cell: int) -> Image.Image:
    """Return the board alone, an RGB picture with heat and arrow, without the space above it."""
    picture = warmed(board_of(scene, cell), scene, cell)
    return picture.crop((MARGIN, HEADER, picture.width - MARGIN, picture.height - MARGIN))

"""The board as a grid of coloured points, fine enough for rounded shapes in a terminal."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ouroloop.envs.snake.drawing.colours import APPLE, GROUND, LEAF, PALE, STONE, Colour, blend, gradient, warmth
from ouroloop.envs.snake.drawing.scene import Scene
from ouroloop.envs.snake.encodings.board import STEPS

PANEL: Final = 38
"""Columns beside the board."""
FRAME: Final = 4
"""Rows above, below and around the board."""
FINEST: Final = 4
"""Most points along a side of a cell."""
OVER_GROUND, OVER_THINGS = 0.85, 0.42
"""How much the hottest colour covers of the ground, and of what lies on it."""


def fineness(size: int, console: Console) -> int:
    """Return the most points per side of a cell, 1 to `FINEST`, with which a board of this size fits the console."""
    fits = min((console.width - PANEL) // size, 2 * (console.height - FRAME) // size)
    return max(1, min(FINEST, fits))


def points(scene: Scene, fine: int) -> NDArray[np.uint8]:
    """Return the board as points: (size * fine, size * fine, 3) uint8.

    With three or more points a side, each part of the snake leaves its right column and bottom row free, except towards the
    next part, so that neighbouring lanes can be told apart.
    """
    size = scene.size
    ground = np.array(GROUND, np.uint8)[np.indices((size, size)).sum(axis=0) % 2]
    picture: NDArray[np.uint8] = ground.repeat(fine, axis=0).repeat(fine, axis=1)
    thick = fine if fine < 3 else fine - 1
    for wall in scene.walls:
        _cell(picture, wall, size, fine)[:thick, :thick] = STONE
    for part in range(len(scene.snake) - 1, -1, -1):
        colour = gradient(scene.share(part))
        own = _cell(picture, scene.snake[part], size, fine)
        own[:thick, :thick] = colour
        if part:
            _bridge(picture, scene, part, fine, colour)
    if scene.food >= 0:
        _apple(_cell(picture, scene.food, size, fine)[:thick, :thick])
    _head(_cell(picture, scene.snake[0], size, fine)[:thick, :thick], scene.heading)
    for at, heat in enumerate(scene.heat):
        _warm(_cell(picture, at, size, fine), ground[divmod(at, size)], heat)
    return picture


def _warm(own: NDArray[np.uint8], ground: NDArray[np.uint8], heat: float) -> None:
    """Blend the colour of a heat in [0, 1] into the points of a cell, more where its ground shows."""
    most = np.where((own == ground).all(axis=2), OVER_GROUND, OVER_THINGS)[..., None] * heat**0.5
    own[:] = (own * (1 - most) + np.array(warmth(heat)) * most).round()


def _cell(picture: NDArray[np.uint8], at: int, size: int, fine: int) -> NDArray[np.uint8]:
    """Return the points of a cell, a view."""
    row, column = divmod(at, size)
    own: NDArray[np.uint8] = picture[row * fine : (row + 1) * fine, column * fine : (column + 1) * fine]
    return own


def _bridge(picture: NDArray[np.uint8], scene: Scene, part: int, fine: int, colour: Colour) -> None:
    """Fill the gap between a part and the one before it: the gap lies to the right of or below one of the two."""
    first, second = sorted((scene.snake[part], scene.snake[part - 1]))
    gap, thick = _cell(picture, first, scene.size, fine), fine if fine < 3 else fine - 1
    if second == first + 1:
        gap[:thick, thick:] = colour
    else:
        gap[thick:, :thick] = colour


def _apple(own: NDArray[np.uint8]) -> None:
    """Draw the food into the points of its cell; with three points or more it has a leaf."""
    ground = own[0, 0].copy()
    own[:] = APPLE
    if len(own) >= 3:
        own[0, 0], own[0, -1] = ground, LEAF


def _head(own: NDArray[np.uint8], heading: int) -> None:
    """Draw the head into the points of its cell: with eyes if there is room, else in a pale colour."""
    if len(own) < 3:
        own[:] = blend(gradient(0.0), PALE, 0.7)
        return
    down, right = STEPS[heading]
    front = len(own) - 1
    row, column = {-1: 0, 1: front}.get(down), {-1: 0, 1: front}.get(right)
    for side in (0, front):
        own[side if row is None else row, side if column is None else column] = PALE

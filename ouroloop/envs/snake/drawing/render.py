"""Pictures of boards, composed in batches from sprites, and boards as text.

A picture determines the state. Walls, food and head each have their own sprite; a body cell is drawn inset, with a bridge to
the neighbour nearer the head. Following the bridges backwards from the head gives the snake's order, and the tail is the
cell that no bridge leads to.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouroloop.envs.kernels import Array, kernel
from ouroloop.envs.snake.drawing.cells import label
from ouroloop.envs.snake.drawing.looks import LOOKS, SPRITES, sheet
from ouroloop.protocols.records import Observations

PLAIN: Final = next(iter(LOOKS))
GLYPHS: Final = ".o@*#"
_SPRITE: Final = np.array([0, 6, 7, 5, 1, 2, 3, 4], np.uint8)
"""The sprite of each class of cells."""


def sprite_map(observations: Observations) -> NDArray[np.uint8]:
    """Return which sprite lies on each cell: (B, N) uint8; the code of a body cell is 1 plus the move towards the head."""
    return _SPRITE[label(observations)]


def compose(sprites: NDArray[np.uint8], sheets: NDArray[np.uint8], which: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Return pictures of boards whose sprites are known: (B, side * cell_px, side * cell_px, 3) uint8.

    Args:
        sprites: (B, side * side) uint8, the sprite of each cell.
        sheets: (K, SPRITES, cell_px, cell_px, 3) uint8.
        which: (B,) the sheet that each board is drawn from.
        side: cells per side.
    """
    cell_px = sheets.shape[2]
    out = np.empty((len(sprites), side * cell_px, side * cell_px, 3), np.uint8)
    rows = np.ascontiguousarray(sheets).reshape(len(sheets), SPRITES, cell_px, cell_px * 3)
    lines = out.reshape(len(sprites), side * cell_px, side * cell_px * 3)
    _compose(np.ascontiguousarray(sprites), rows, np.asarray(which, np.int64), side, lines)
    return out


@kernel
def _compose(sprites: Array, sheets: Array, which: Array, side: int, out: Array) -> None:
    """Copy sprite rows into `out`: (B, side * cell_px, side * cell_px * 3)."""
    cell_px, width = sheets.shape[2], sheets.shape[3]
    for board in range(len(sprites)):
        chosen = which[board]
        for row in range(side):
            for y in range(cell_px):
                line = row * cell_px + y
                for column in range(side):
                    sprite = sprites[board, row * side + column]
                    start = column * width
                    for x in range(width):
                        out[board, line, start + x] = sheets[chosen, sprite, y, x]


def render(observations: Observations, cell_px: int = 8, look: str = PLAIN) -> NDArray[np.uint8]:
    """Return RGB pictures: (B, size * cell_px, size * cell_px, 3) uint8.

    Args:
        observations: of this game.
        cell_px: side of a cell, 4 to 256 pixels.
        look: a style by name.

    Raises:
        UsageError: the cells are too small or too large, or there is no such look.
    """
    side, sheets = int(observations.constants["size"]), sheet(look, cell_px)[None]
    return compose(sprite_map(observations), sheets, np.zeros(len(observations), np.int64), side)


def ansi(observations: Observations, row: int) -> str:
    """Return one observation as text: `.` empty, `o` body, `@` head, `*` food, `#` wall, one board row a line."""
    size = observations.constants["size"]
    board = observations.columns["board"][row].reshape(size, size)
    return "\n".join("".join(GLYPHS[code] for code in line) for line in board)

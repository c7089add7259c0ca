"""Pictures of boards, composed in batches from sprites, and boards as text.

A picture determines the state. Walls, food and head each have their own sprite; a body cell is drawn inset, with a bridge to
the neighbour nearer the head. Following the bridges backwards from the head gives the snake's order, and the tail is the
cell that no bridge leads to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Observations

GROUND: Final = (24, 26, 33)
GRID: Final = (33, 36, 45)
SKIN: Final = (63, 160, 88)
CROWN: Final = (250, 214, 80)
EYE: Final = (24, 26, 33)
APPLE: Final = (226, 72, 66)
STONE: Final = (122, 128, 142)
SPRITES: Final = 8
"""Empty, body with its bridge up, down, left or right, head, food, wall."""
GLYPHS: Final = ".o@*#"


def draw_sprite(index: int, cell_px: int) -> Image.Image:
    """Return sprite `index` in 0..7, see `SPRITES`."""
    image = Image.new("RGB", (cell_px, cell_px), GROUND)
    pen = ImageDraw.Draw(image)
    last, inset = cell_px - 1, max(1, cell_px // 5)
    box = (inset, inset, last - inset, last - inset)
    if index == 0:
        pen.point((last // 2, last // 2), fill=GRID)
    elif index <= 4:
        pen.rectangle(box, fill=SKIN)
        bridge = [(inset, 0, last - inset, inset), (inset, last - inset, last - inset, last)]
        bridge += [(0, inset, inset, last - inset), (last - inset, inset, last, last - inset)]
        pen.rectangle(bridge[index - 1], fill=SKIN)
    elif index == 5:
        pen.rectangle((0, 0, last, last), fill=CROWN)
        pen.rectangle((last // 3, last // 3, last - last // 3, last - last // 3), fill=EYE)
    elif index == 6:
        pen.ellipse(box, fill=APPLE)
    else:
        pen.rectangle((0, 0, last, last), fill=STONE)
    return image


@lru_cache(maxsize=8)
def sprites(cell_px: int) -> NDArray[np.uint8]:
    """Return (8, cell_px, cell_px, 3) uint8.

    Raises:
        UsageError: the cells are too small to tell the sprites apart, or too large.
    """
    if not 4 <= cell_px <= 256:
        raise UsageError(f"cells of {cell_px} pixels cannot be drawn: choose 4 to 256")
    sheet = np.stack([np.asarray(draw_sprite(index, cell_px)) for index in range(SPRITES)])
    sheet.setflags(write=False)
    return sheet


def sprite_map(observations: Observations) -> NDArray[np.uint8]:
    """Return which sprite lies on each cell: (B, N) uint8; the code of a body cell is 1 plus the move towards the head."""
    size = observations.constants["size"]
    board, snake = observations.columns["board"], observations.columns["snake"].astype(np.int64)
    sheet: NDArray[np.uint8] = np.array([0, 1, 5, 6, 7], np.uint8)[board.astype(np.intp)]
    ahead = snake[:, :-1] - snake[:, 1:]  # from each part to the one nearer the head
    bridge = np.select([ahead == -size, ahead == size, ahead == -1], [1, 2, 3], 4).astype(np.uint8)
    rows, parts = np.nonzero(np.arange(1, snake.shape[1]) < observations.lengths["snake"].astype(np.int64)[:, None])
    sheet[rows, snake[rows, parts + 1]] = bridge[rows, parts]
    return sheet


def render(observations: Observations, cell_px: int = 8) -> NDArray[np.uint8]:
    """Return RGB pictures: (B, size * cell_px, size * cell_px, 3) uint8.

    Args:
        observations: of this game.
        cell_px: side of a cell, 4 to 256 pixels.
    """
    side = int(observations.constants["size"])
    cells = sprites(cell_px)[sprite_map(observations)].reshape(-1, side, side, cell_px, cell_px, 3)
    return np.ascontiguousarray(cells.transpose(0, 1, 3, 2, 4, 5)).reshape(-1, side * cell_px, side * cell_px, 3)


def ansi(observations: Observations, row: int) -> str:
    """Return one observation as text: `.` empty, `o` body, `@` head, `*` food, `#` wall, one board row a line."""
    size = observations.constants["size"]
    board = observations.columns["board"][row].reshape(size, size)
    return "\n".join("".join(GLYPHS[code] for code in line) for line in board)

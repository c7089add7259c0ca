"""One frame of a game as a picture in the palette: the board, what is on it, and the score above."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from ouroloop.envs.snake.drawing import tile, tiles
from ouroloop.envs.snake.drawing.colours import GROUND, MUTED, NIGHT, PALE
from ouroloop.envs.snake.drawing.scene import ENDS, Scene

BOARD_PX: Final = 256
"""Most pixels along the board's side."""
CELL_PX: Final = 36
"""Most pixels along a cell's side."""
MARGIN: Final = 14
HEADER: Final = 46


def paint(scene: Scene) -> Image.Image:
    """Return a picture of a scene, in the palette of `tile`."""
    cell = cell_of(scene)
    picture = board_of(scene, cell)
    picture.paste(_header(scene, picture.width), (0, 0))
    return picture


def cell_of(scene: Scene, board_px: int = BOARD_PX, cell_px: int = CELL_PX) -> int:
    """Return the side of a cell in pixels, for at most so many pixels of a board's and of a cell's side."""
    return max(4, min(cell_px, board_px // scene.size))


def board_of(scene: Scene, cell: int) -> Image.Image:
    """Return a picture of a scene in the palette, with space for the line above the board.

    Args:
        scene: what to show.
        cell: side of a cell in pixels.
    """
    picture = _board(scene.size, scene.walls, cell).copy()
    if scene.food >= 0:
        picture.paste(tiles.apple(cell, _parity(scene, scene.food)), corner(scene, scene.food, cell))
    for part, at in enumerate(scene.snake):
        picture.paste(_part(scene, part, cell), corner(scene, at, cell))
    return picture


def empty_board(size: int, cell: int) -> Image.Image:
    """Return the picture of a board without anything on it, of the size of `board_of`; not to be written."""
    return _board(size, (), cell)


def _part(scene: Scene, part: int, cell: int) -> Image.Image:
    """Return the tile of a part of the snake, counted from the head."""
    last, at = len(scene.snake) - 1, scene.snake[part]
    shade, tip = shade_of(scene, part), min(last - part, len(tiles.WIDTHS) - 1)
    if part == 0:
        return tiles.head(cell, _parity(scene, at), scene.heading, shade, tip, scene.cause not in (None, "won"))
    ahead = scene.direction(at, scene.snake[part - 1])
    behind = None if part == last else scene.direction(at, scene.snake[part + 1])
    return tiles.body(cell, _parity(scene, at), ahead, behind, shade, tip)


def shade_of(scene: Scene, part: int) -> int:
    """Return a part's colour: it runs to and fro through the gradient with the move on which the part's cell was entered.

    A cell therefore keeps its colour as long as the snake lies on it, and a frame changes little but the snake's two ends.
    """
    entered = scene.steps - (scene.cause in ("wall", "body")) - part  # a move into a wall or the body enters no cell
    pace = max(1, round(scene.size**2 / (2 * tile.SHADES)))  # moves of one shade: about one turn to and fro on a full board
    at = (entered // pace) % (2 * tile.SHADES)
    return min(at, 2 * tile.SHADES - 1 - at)


def corner(scene: Scene, at: int, cell: int) -> tuple[int, int]:
    """Return x and y of a cell's corner."""
    row, column = divmod(at, scene.size)
    return MARGIN + column * cell, HEADER + row * cell


def _parity(scene: Scene, at: int) -> int:
    return sum(divmod(at, scene.size)) % 2


@lru_cache(maxsize=8)
def _board(size: int, walls: tuple[int, ...], cell: int) -> Image.Image:
    """Return the board without snake or food."""
    side, built = size * cell, frozenset(walls)
    picture = tile.in_palette(Image.new("RGB", (side + 2 * MARGIN, side + MARGIN + HEADER), NIGHT))
    for at in range(size * size):
        row, column = divmod(at, size)
        square = (tiles.wall if at in built else tiles.free)(cell, (row + column) % 2)
        picture.paste(square, (MARGIN + column * cell, HEADER + row * cell))
    return picture


def _header(scene: Scene, width: int) -> Image.Image:
    """Return the line above the board: the score, the step or how the game ended, and how full the board is."""
    picture = Image.new("RGB", (width, HEADER), NIGHT)
    pen, right = ImageDraw.Draw(picture), width - MARGIN - 1
    pen.text((MARGIN, 18), f"{scene.score}", PALE, font(22), anchor="lm")
    wide = pen.textlength(f"{scene.score}", font(22))
    pen.text((MARGIN + wide + 7, 20), "score", MUTED, font(12), anchor="lm")
    said = f"step {scene.steps}" if scene.cause is None else ENDS.get(scene.cause, scene.cause)
    pen.text((right, 20), said, MUTED if scene.cause is None else PALE, font(12), anchor="rm")
    full = len(scene.snake) / scene.room
    pen.rounded_rectangle((MARGIN, HEADER - 11, right, HEADER - 8), 2, fill=GROUND[1])
    pen.rounded_rectangle((MARGIN, HEADER - 11, MARGIN + max(4, full * (right - MARGIN)), HEADER - 8), 2, fill=tile.GROWTH)
    return tile.in_palette(picture)


@lru_cache(maxsize=16)
def font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of this size."""
    return ImageFont.load_default(px)

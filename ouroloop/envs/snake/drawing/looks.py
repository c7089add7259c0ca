"""How a board can look: styles of sprites by name, and styles drawn at random.

`plain` is how the game is drawn for people and roles. The other looks exist so that a reader learns shapes and contrasts
instead of one palette. A look in `HELD_OUT` is for measuring alone: no eye's training draws it
(`perception.learning.looks.check_look`).

The module is long because the looks are tables, and stand beside the strokes that draw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ouroloop.envs.snake.drawing.colours import Colour, blend
from ouroloop.protocols.errors import UsageError

Food: TypeAlias = Literal["disc", "square", "diamond", "ring"]
Head: TypeAlias = Literal["pupil", "bare", "round", "cross"]
Body: TypeAlias = Literal["pipe", "round", "arrow"]
Wall: TypeAlias = Literal["block", "brick", "frame"]
Ground: TypeAlias = Literal["dot", "bare", "grid"]

SPRITES: Final = 8
"""Empty, body with its bridge up, down, left or right, head, food, wall."""
SMALLEST, LARGEST = 4, 256
"""Pixels along a side of a cell."""
FINE: Final = 4
"""Points along a pixel's side where a style is drawn with smooth edges."""
APART: Final = 90
"""Least distance between two colours of a random style, in RGB."""


@dataclass(frozen=True, slots=True)
class Style:
    """Colours and shapes of a board.

    Args:
        ground: an empty cell.
        grid: marks on an empty cell.
        skin: the body.
        crown: the head.
        eye: the mark on the head.
        apple: the food.
        stone: a wall.
        food, head, body, wall, floor: the shapes.
        inset: gap between a body cell and its border, as a share of the cell.
        smooth: draw with smooth edges.
    """

    ground: Colour = (24, 26, 33)
    grid: Colour = (33, 36, 45)
    skin: Colour = (63, 160, 88)
    crown: Colour = (250, 214, 80)
    eye: Colour = (24, 26, 33)
    apple: Colour = (226, 72, 66)
    stone: Colour = (122, 128, 142)
    food: Food = "disc"
    head: Head = "pupil"
    body: Body = "pipe"
    wall: Wall = "block"
    floor: Ground = "dot"
    inset: float = 0.2
    smooth: bool = False


LOOKS: Final[dict[str, Style]] = {
    "plain": Style(),
    "paper": Style(
        (244, 241, 232),
        (216, 210, 196),
        (52, 98, 160),
        (20, 34, 66),
        (244, 241, 232),
        (200, 44, 60),
        (120, 112, 100),
        food="diamond",
        floor="grid",
        smooth=True,
    ),
    "retro": Style(
        (155, 188, 15),
        (139, 172, 15),
        (48, 98, 48),
        (15, 56, 15),
        (155, 188, 15),
        (15, 56, 15),
        (84, 118, 40),
        food="ring",
        head="cross",
        wall="brick",
        floor="bare",
    ),
    "neon": Style(
        (8, 6, 20),
        (26, 18, 52),
        (0, 220, 255),
        (255, 60, 220),
        (8, 6, 20),
        (255, 230, 40),
        (96, 60, 180),
        food="square",
        head="bare",
        wall="frame",
        floor="grid",
        inset=0.28,
        smooth=True,
    ),
    "candy": Style(
        (255, 226, 236),
        (255, 204, 222),
        (150, 90, 210),
        (90, 40, 140),
        (255, 226, 236),
        (40, 170, 150),
        (226, 150, 110),
        head="round",
        body="round",
        floor="dot",
        smooth=True,
    ),
}
"""Looks that may be trained on, by name; the first is the game's own."""
HELD_OUT: Final[dict[str, Style]] = {
    "garden": Style(
        (196, 222, 150),
        (180, 208, 132),
        (120, 72, 40),
        (70, 38, 20),
        (240, 230, 200),
        (214, 30, 90),
        (104, 116, 120),
        food="disc",
        head="round",
        body="pipe",
        wall="brick",
        floor="grid",
        smooth=True,
    ),
    "blueprint": Style(
        (18, 52, 110),
        (40, 80, 146),
        (214, 228, 250),
        (255, 255, 255),
        (18, 52, 110),
        (255, 180, 60),
        (110, 150, 210),
        food="ring",
        head="cross",
        body="round",
        wall="frame",
        floor="grid",
        inset=0.25,
    ),
    "ember": Style(
        (40, 12, 8),
        (58, 20, 12),
        (232, 110, 30),
        (255, 224, 140),
        (40, 12, 8),
        (120, 220, 255),
        (130, 92, 84),
        food="square",
        head="pupil",
        body="arrow",
        wall="block",
        floor="bare",
        smooth=True,
    ),
}
"""Looks that no eye's training draws, by name."""


def style_of(look: str) -> Style:
    """Return a style by its name. Raises UsageError for an unknown one."""
    known = LOOKS | HELD_OUT
    if look not in known:
        raise UsageError(f"there is no look {look!r}: choose one of {', '.join(known)}")
    return known[look]


def random_style(rng: np.random.Generator) -> Style:
    """Return a style whose colours can be told apart, with shapes drawn at random."""
    ground = _colour(rng)
    skin, crown, apple, stone = _distinct(rng, ground, 4)
    share = rng.uniform(0.05, 0.25)
    grid = blend(ground, _colour(rng), share)
    eye = ground if rng.random() < 0.5 else blend(crown, ground, rng.uniform(0.5, 1))
    shapes = {
        "food": ("disc", "square", "diamond", "ring"),
        "head": ("pupil", "bare", "round", "cross"),
        "body": ("pipe", "round", "arrow"),
        "wall": ("block", "brick", "frame"),
        "floor": ("dot", "bare", "grid"),
    }
    drawn = {key: among[int(rng.integers(len(among)))] for key, among in shapes.items()}
    inset, smooth = float(rng.uniform(0.12, 0.3)), bool(rng.random() < 0.7)
    return Style(ground, grid, skin, crown, eye, apple, stone, **drawn, inset=inset, smooth=smooth)  # type: ignore[arg-type]


def _colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _distinct(rng: np.random.Generator, ground: Colour, count: int) -> list[Colour]:
    """Return colours at least `APART` from each other and from the ground."""
    found = [ground]
    while len(found) <= count:
        one = _colour(rng)
        if all(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) >= APART**2 for other in found):
            found.append(one)
    return found[1:]


def sheet_of(style: Style, cell_px: int) -> NDArray[np.uint8]:
    """Return the sprites of a style: (SPRITES, cell_px, cell_px, 3) uint8.

    Raises:
        UsageError: the cells are too small to tell the sprites apart, or too large.
    """
    if not SMALLEST <= cell_px <= LARGEST:
        raise UsageError(f"cells of {cell_px} pixels cannot be drawn: choose {SMALLEST} to {LARGEST}")
    fine = FINE if style.smooth else 1
    sprites = []
    for index in range(SPRITES):
        image = _sprite(style, index, cell_px * fine, fine)
        sprites.append(np.asarray(image.resize((cell_px, cell_px), Image.Resampling.BOX) if fine > 1 else image))
    return np.stack(sprites)


@lru_cache(maxsize=64)
def sheet(look: str, cell_px: int) -> NDArray[np.uint8]:
    """Return the sprites of a named look: (SPRITES, cell_px, cell_px, 3) uint8, not to be written; see `sheet_of`."""
    found = sheet_of(style_of(look), cell_px)
    found.setflags(write=False)
    return found


def _sprite(style: Style, index: int, side: int, line: int) -> Image.Image:
    """Return one sprite of `side` x `side` points; a line is `line` points wide."""
    image = Image.new("RGB", (side, side), style.ground)
    pen = ImageDraw.Draw(image)
    last = side - 1
    inset = max(line, int(side * style.inset))
    box = (inset, inset, last - inset, last - inset)
    if index == 0:
        _floor(pen, style, last, line)
    elif index <= 4:
        _body(pen, style, box, last, index - 1)
    elif index == 5:
        _head(pen, style, last)
    elif index == 6:
        _food(pen, style, box, last)
    else:
        _wall(pen, style, last, line)
    return image


def _floor(pen: ImageDraw.ImageDraw, style: Style, last: int, line: int) -> None:
    if style.floor == "dot":
        middle = last // 2
        pen.rectangle((middle, middle, middle + line - 1, middle + line - 1), fill=style.grid)
    elif style.floor == "grid":
        pen.rectangle((0, 0, last, line - 1), fill=style.grid)
        pen.rectangle((0, 0, line - 1, last), fill=style.grid)


def _body(pen: ImageDraw.ImageDraw, style: Style, box: tuple[int, int, int, int], last: int, towards: int) -> None:
    """Draw a body cell with its bridge up, down, left or right (0..3)."""
    low, high = box[0], box[2]
    bridges = ((low, 0, high, low), (low, high, high, last), (0, low, low, high), (high, low, last, high))
    if style.body == "arrow":
        corners = ((low, high), (high, high), (high, low), (low, low))
        middle = last / 2
        tips = ((middle, 0), (middle, last), (0, middle), (last, middle))
        bases = ((corners[0], corners[1]), (corners[3], corners[2]), (corners[2], corners[1]), (corners[3], corners[0]))
        pen.polygon((*bases[towards], tips[towards]), fill=style.skin)
        pen.rectangle(
            (low + (high - low) // 4, low + (high - low) // 4, high - (high - low) // 4, high - (high - low) // 4),
            fill=style.skin,
        )
        return
    (pen.ellipse if style.body == "round" else pen.rectangle)(box, fill=style.skin)
    pen.rectangle(bridges[towards], fill=style.skin)


def _head(pen: ImageDraw.ImageDraw, style: Style, last: int) -> None:
    third = last // 3
    (pen.ellipse if style.head == "round" else pen.rectangle)((0, 0, last, last), fill=style.crown)
    if style.head in ("pupil", "round"):
        pen.rectangle((third, third, last - third, last - third), fill=style.eye)
    elif style.head == "cross":
        wide = max(1, (last + 1) // 5)
        middle = (last + 1 - wide) // 2
        pen.rectangle((middle, third // 2, middle + wide - 1, last - third // 2), fill=style.eye)
        pen.rectangle((third // 2, middle, last - third // 2, middle + wide - 1), fill=style.eye)


def _food(pen: ImageDraw.ImageDraw, style: Style, box: tuple[int, int, int, int], last: int) -> None:
    if style.food == "square":
        pen.rectangle(box, fill=style.apple)
    elif style.food == "diamond":
        middle = last / 2
        pen.polygon(((middle, box[1]), (box[2], middle), (middle, box[3]), (box[0], middle)), fill=style.apple)
    else:
        pen.ellipse(box, fill=style.apple)
        gap = max(1, (box[2] - box[0]) // 3)
        if style.food == "ring" and 2 * gap <= box[2] - box[0]:  # in the smallest cells, a ring is a disc
            pen.ellipse((box[0] + gap, box[1] + gap, box[2] - gap, box[3] - gap), fill=style.ground)


def _wall(pen: ImageDraw.ImageDraw, style: Style, last: int, line: int) -> None:
    pen.rectangle((0, 0, last, last), fill=style.stone)
    if style.wall == "brick":
        middle = last // 2
        pen.rectangle((0, middle, last, middle + line - 1), fill=style.ground)
        pen.rectangle((middle, 0, middle + line - 1, middle), fill=style.ground)
    elif style.wall == "frame":
        third = (last + 1) // 3
        pen.rectangle((third, third, last - third, last - third), fill=style.ground)

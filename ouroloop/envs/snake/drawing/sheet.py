"""Moments side by side, large, as a PNG: what several methods say of one move, or one move of a game."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from ouroloop.envs.snake.drawing.colours import MUTED, NIGHT, PALE, warmth
from ouroloop.envs.snake.drawing.heat import board_with_heat
from ouroloop.envs.snake.drawing.paint import cell_of, font
from ouroloop.envs.snake.drawing.scene import Scene

BOARD_PX: Final = 380
CELL_PX: Final = 64
GAP: Final = 26
TITLE: Final = 40
LINE: Final = 26
RAMP: Final = (150, 10)
"""Width and height of the scale of colours."""
WIDE: Final = 640
"""Pixels from which on the score and the scale of heat fit into one line."""


def sheet(scenes: Sequence[Scene], actions: Sequence[str]) -> bytes:
    """Return the bytes of a PNG of at least one scene.

    Each board has the name of what found its heat above it. Below them stand the score, the move and the scale of heat.

    Args:
        scenes: what to show, from left to right.
        actions: names of the moves.
    """
    cell = cell_of(scenes[0], BOARD_PX, CELL_PX)
    boards = [board_with_heat(scene, cell) for scene in scenes]
    side = boards[0].width
    width = len(boards) * (side + GAP) + GAP
    lines = 1 + (width < WIDE and bool(scenes[0].heat))
    picture = Image.new("RGB", (width, TITLE + side + LINE * lines + GAP), NIGHT)
    pen = ImageDraw.Draw(picture)
    for index, (scene, board) in enumerate(zip(scenes, boards, strict=True)):
        left = GAP + index * (side + GAP)
        pen.text((left, TITLE // 2 + 3), scene.lens or f"step {scene.steps}", PALE, font(17), anchor="lm")
        picture.paste(board, (left, TITLE))
    _foot(picture, scenes[0], actions, TITLE + side + (GAP + LINE) // 2, LINE * (lines - 1))
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _foot(picture: Image.Image, scene: Scene, actions: Sequence[str], y: int, below: int) -> None:
    """Write the score and the move below the boards, and the scale of heat beside them or so many pixels below them."""
    pen, right = ImageDraw.Draw(picture), picture.width - GAP
    said = f"score {scene.score}, step {scene.steps}"
    if scene.action is not None:
        said += f": {actions[scene.action]}, {scene.odds[scene.action]:.0%} sure"
    pen.text((GAP, y), said, MUTED, font(14), anchor="lm")
    if not scene.heat:
        return
    y, (width, height) = y + below, RAMP
    ramp = Image.new("RGB", (width, 1))
    ramp.putdata([warmth(step / (width - 1)) for step in range(width)])
    pen.text((right, y), "much", MUTED, font(14), anchor="rm")
    end = right - int(pen.textlength("much", font(14))) - 8
    picture.paste(ramp.resize(RAMP), (end - width, y - height // 2))
    pen.text((end - width - 8, y), "speaks for the move: little", MUTED, font(14), anchor="rm")

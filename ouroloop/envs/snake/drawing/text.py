"""A game in the terminal: the board in coloured half blocks, the score, and the odds that the player gives each move.

Each cell has as many points a side as the terminal has room for; a half block shows two points, one above the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ouroloop.envs.snake.drawing.colours import GROUND, MUTED, PALE, Colour, gradient, warmth
from ouroloop.envs.snake.drawing.dots import fineness, points
from ouroloop.envs.snake.drawing.scene import ENDS, Scene
from ouroloop.protocols.text import plain

ARROWS: Final = "↑↓←→"
BAR: Final = 20
"""Columns of a full bar."""


def draw(scene: Scene, console: Console, actions: tuple[str, ...], title: str) -> RenderableType:
    """Return a scene as a rich renderable, as large as fits the console.

    Args:
        scene: the moment to draw.
        console: where it will be shown; a console without colours gets plain characters.
        actions: names of the moves.
        title: text above the board.
    """
    if console.color_system is None:
        board = Text(characters(scene))
    else:
        board = half_blocks(points(scene, fineness(scene.size, console)))
    panel = Panel(
        board, box=ROUNDED, border_style=_style(MUTED), title=Text(plain(title)), title_align="left", padding=0, expand=False
    )
    table = Table.grid(padding=(0, 2))
    table.add_row(panel, _beside(scene, actions))
    return table


def half_blocks(picture: NDArray[np.uint8]) -> Text:
    """Return points, (H, W, 3) uint8, as text: each character shows two of them, one above the other."""
    if len(picture) % 2:
        picture = np.concatenate([picture, picture[-1:]])
    text = Text(no_wrap=True)
    for upper, lower in zip(picture[::2].tolist(), picture[1::2].tolist(), strict=True):
        if text:
            text.append("\n")
        for (above, below), run in groupby(zip(upper, lower, strict=True)):
            text.append("▀" * len(list(run)), Style(color=_hex(above), bgcolor=_hex(below)))
    return text


def _beside(scene: Scene, actions: tuple[str, ...]) -> RenderableType:
    """Return the text beside the board: the score, and either the odds of the moves or how the game ended."""
    facts = Table.grid(padding=(0, 2))
    for name, value in (("score", scene.score), ("step", scene.steps), ("length", len(scene.snake))):
        facts.add_row(Text(name, _style(MUTED)), Text(f"{value}", Style(color=_hex(PALE), bold=name == "score")))
    full = len(scene.snake) / scene.room
    filled = Text.assemble(_bar(full, gradient(0.33)), (f" {full:.0%}", _style(MUTED)))
    if scene.cause is not None:
        return Group("", facts, "", filled, "", Text(ENDS.get(scene.cause, scene.cause), Style(color=_hex(PALE), bold=True)))
    odds = Table.grid(padding=(0, 1))
    for move, name in enumerate(actions):
        taken = move == scene.action
        colour = gradient(0.0) if taken else MUTED
        arrow = ARROWS[move] if len(actions) == len(ARROWS) else " "
        share = scene.odds[move]
        odds.add_row(
            Text(f"{arrow} {name}", Style(color=_hex(colour), bold=taken)),
            _bar(share, colour),
            Text(f"{share:.2f}", _style(colour)),
        )
    if not scene.heat:
        return Group("", facts, "", filled, "", odds)
    scale = Text.assemble(*(("█", _style(warmth(step / (BAR - 1)))) for step in range(BAR)), (" little to much", _style(MUTED)))
    return Group("", facts, "", filled, "", odds, "", Text(f"what speaks for it: {scene.lens}", _style(MUTED)), scale)


def _bar(share: float, colour: Colour) -> Text:
    """Return a bar `BAR` columns long, filled up to a share, to an eighth of a column."""
    eighths = round(8 * BAR * min(1.0, max(0.0, share)))
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return Text(bar.ljust(BAR), Style(color=_hex(colour), bgcolor=_hex(GROUND[1])))


def _hex(colour: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _style(colour: Colour) -> Style:
    return Style(color=_hex(colour))


def characters(scene: Scene) -> str:
    """Return the board without colours, as `task.ansi` has it: `.` empty, `o` body, `@` head, `*` food, `#` wall."""
    board = np.full(scene.size**2, ".")
    board[list(scene.walls)], board[list(scene.snake)], board[scene.snake[0]] = "#", "o", "@"
    if scene.food >= 0:
        board[scene.food] = "*"
    return "\n".join(" ".join(row) for row in board.reshape(scene.size, -1))

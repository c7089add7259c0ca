"""Snake's `ports.Drawing`: the board in colours on a terminal, as an animated GIF, and large as a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ouroloop.envs.snake.drawing.gif import encoded
from ouroloop.envs.snake.drawing.scene import ENDS, scene_of
from ouroloop.envs.snake.drawing.sheet import sheet
from ouroloop.envs.snake.drawing.text import draw
from ouroloop.protocols.records import Moment

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class SnakeDrawing:
    """Draws moments of Snake.

    Args:
        actions: names of the moves.
    """

    def __init__(self, actions: tuple[str, ...]) -> None:
        """Keep the names of the moves."""
        self._actions = actions

    def facts(self, moment: Moment) -> Mapping[str, int]:
        """Return the length of the snake."""
        return {"length": len(scene_of(moment).snake)}

    def ending(self, cause: str) -> str:
        """Return how a game ended, in words."""
        return ENDS.get(cause, cause)

    def live(self, moment: Moment, console: Console, title: str) -> RenderableType:
        """Return a moment as large as fits the console; a console without colours gets plain characters."""
        return draw(scene_of(moment), console, self._actions, title)

    def gif(self, moments: Sequence[Moment], pauses_ms: Sequence[int]) -> bytes:
        """Return the bytes of a GIF of these moments, at least one."""
        return encoded([scene_of(moment) for moment in moments], pauses_ms)

    def png(self, moments: Sequence[Moment]) -> bytes:
        """Return the bytes of a PNG of these moments, at least one, side by side."""
        return sheet([scene_of(moment) for moment in moments], self._actions)

"""Snake's `ports.Sight`: the classes of a board's cells, and boards read back from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.snake.drawing import looks, render
from ouroloop.envs.snake.drawing.cells import CLASSES, label
from ouroloop.envs.snake.engine.state import EMPTY, WALL
from ouroloop.envs.snake.sight import words
from ouroloop.envs.snake.sight.decode import ReadBoards, decode
from ouroloop.envs.snake.sight.neighbours import nudge
from ouroloop.protocols.records import Observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

WALLS: Final = 0.25
"""Largest share of the free cells that become walls."""


class BoardSight:
    """What pictures of boards show.

    Args:
        size: side of the boards, in cells.
    """

    def __init__(self, size: int) -> None:
        """Keep the boards' size."""
        self.side, self.classes = size, CLASSES
        self.looks, self.held_out = tuple(looks.LOOKS), tuple(looks.HELD_OUT)
        self.glyphs = words.GLYPHS
        self.phrases = (*words.PHRASES, words.BORDER)
        self.unseen: tuple[str, ...] = ("idle",)
        self.encoding = "ascii"

    def label(self, observations: Observations) -> NDArray[np.uint8]:
        """Return the class of each cell: (B, size * size) uint8."""
        return label(observations)

    def vary(self, observations: Observations, rng: np.random.Generator) -> Observations:
        """Return the boards; in about half of them, free cells become walls, up to a share of `WALLS`.

        One reader then serves boards with and without walls, although a task has only one kind.
        """
        columns: dict[str, NDArray[Any]] = {**observations.columns, "board": observations.columns["board"].copy()}
        scatter_walls(columns["board"], rng)
        return Observations(observations.constants, columns, observations.lengths)

    def nudge(self, observations: Observations, rng: np.random.Generator) -> Observations:
        """Return boards of which one to three cells differ; see `neighbours.nudge`."""
        return nudge(observations, rng)

    def sheet(self, look: str, cell_px: int) -> NDArray[np.uint8]:
        """Return the sprites of a look; see `looks.sheet`."""
        return looks.sheet(look, cell_px)

    def random_sheet(self, cell_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the sprites of a look drawn at random; see `looks.random_style`."""
        return looks.sheet_of(looks.random_style(rng), cell_px)

    def compose(self, observations: Observations, sheets: NDArray[np.uint8], which: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return pictures of boards, each drawn from its own sheet; see `render.compose`."""
        return render.compose(render.sprite_map(observations), sheets, which, self.side)

    def focus(self, observations: Observations) -> NDArray[np.int64]:
        """Return the head's cell: (B,)."""
        return observations.columns["snake"][:, 0].astype(np.int64)

    def captions(self, observations: Observations) -> list[str]:
        """Return a sentence per board that determines it; see `words.captions`."""
        return words.captions(observations)

    def marked(self, phrase: str, observations: Observations) -> NDArray[np.bool_]:
        """Return the cells that a phrase names: (B, size * size) bool; see `words.marked`."""
        return words.marked(phrase, observations)

    def decode(self, probabilities: NDArray[np.float32]) -> ReadBoards:
        """Return the most plausible boards for class probabilities; see `decode.decode`."""
        return decode(probabilities, self.side)


def scatter_walls(board: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Turn free cells into walls, up to a share of `WALLS`, in place: in each of the boards (B, size * size) at even odds."""
    share = rng.uniform(0, WALLS, (len(board), 1)) * (rng.random((len(board), 1)) < 0.5)
    board[(board == EMPTY) & (rng.random(board.shape) < share)] = WALL

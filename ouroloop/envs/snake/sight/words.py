"""Boards in words: captions that determine a board, phrases for its parts, and glyphs of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.snake.drawing.cells import BODY, CLASSES, EMPTY, FOOD, HEAD, WALL, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

GLYPHS: Final = ".*#@^v<>"
"""The sign of each class of cells; an arrow points to the neighbour nearer the head."""
PHRASES: Final[Mapping[str, tuple[int, ...]]] = {
    "the apple": (FOOD,),
    "the head": (HEAD,),
    "the body": tuple(range(BODY, CLASSES)),
    "a wall": (WALL,),
    "free ground": (EMPTY,),
}
"""What a phrase names: the classes of its cells."""


def captions(observations: Observations) -> list[str]:
    """Return a sentence per board that tells where everything but free ground is.

    A cell is named by its row and column, counted from 1 at the upper left. The snake's cells follow from the head to the tail.
    """
    size = int(observations.constants["size"])
    snake, lengths = observations.columns["snake"], observations.lengths["snake"].astype(int)
    food, board = observations.columns["food"], observations.columns["board"]
    said = []
    for row in range(len(observations)):
        cells = [_place(int(cell), size) for cell in snake[row, : lengths[row]]]
        parts = [f"head at {cells[0]}", f"body {', '.join(cells[1:])}" if len(cells) > 1 else ""]
        parts.append(f"apple at {_place(int(food[row]), size)}" if food[row] >= 0 else "no apple")
        walls = [_place(int(cell), size) for cell in np.flatnonzero(board[row] == 4)]
        parts.append(f"walls {', '.join(walls)}" if walls else "")
        said.append("; ".join(part for part in parts if part))
    return said


def _place(cell: int, size: int) -> str:
    row, column = divmod(cell, size)
    return f"{row + 1} {column + 1}"


def marked(phrase: str, observations: Observations) -> NDArray[np.bool_]:
    """Return the cells that a phrase names: (B, size * size) bool.

    Args:
        phrase: one of `PHRASES`, or `the border`: the cells along the edge.
        observations: the boards.
    """
    if phrase == BORDER:
        size = int(observations.constants["size"])
        edge = np.ones((size, size), np.bool_)
        edge[1:-1, 1:-1] = False
        return np.broadcast_to(edge.reshape(-1), (len(observations), size * size))
    return np.isin(label(observations), PHRASES[phrase])


BORDER: Final = "the border"

"""The classes of a picture's cells; together they determine the board, the snake's order and the food."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

EMPTY: Final = 0
FOOD: Final = 1
WALL: Final = 2
HEAD: Final = 3
BODY: Final = 4
"""First of four: `BODY + d` is a body cell whose neighbour nearer the head lies in direction d (up, down, left, right)."""
CLASSES: Final = 8

_FROM_BOARD: Final = np.array([EMPTY, BODY, HEAD, FOOD, WALL], dtype=np.uint8)
"""Class of each value of an observation's `board`; a body cell's direction comes from `snake` and is added."""


def label(observations: Observations) -> NDArray[np.uint8]:
    """Return the class of each cell of each board: (B, size*size) uint8."""
    size = observations.constants["size"]
    classes: NDArray[np.uint8] = _FROM_BOARD[observations.columns["board"]]
    snake = observations.columns["snake"].astype(np.int64)
    nearer, body = snake[:, :-1], snake[:, 1:]
    within = np.arange(1, snake.shape[1]) < observations.lengths["snake"].astype(np.int64)[:, None]
    step = nearer - body
    direction = np.select([step == -size, step == size, step == -1], [0, 1, 2], 3)
    rows = np.nonzero(within)[0]
    classes[rows, body[within]] = BODY + direction[within]
    return classes

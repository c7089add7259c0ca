"""A hint for the prompt, the distance to the food: `# Hint: distance=3`.

Path optimality counts the same distance: the shortest way from the head to the food around the walls and the body as it lies
(breadth-first), or the Manhattan distance if there is no such way. It follows from the observation alone, so a perceived
board has one too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.snake.encodings.board import BODY, WALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

NONE: Final = -1
"""Distance on a board without food."""


def food_distances(observations: Observations) -> NDArray[np.int64]:
    """Return the steps from head to food: (B,) int64, `NONE` if there is no food.

    All boards are searched at once: each round moves every front by one step.
    """
    size, count = int(observations.constants["size"]), len(observations)
    board = np.asarray(observations.columns["board"]).reshape(count, -1)
    head, food = (
        np.asarray(part, dtype=np.int64) for part in (observations.columns["snake"][:, 0], observations.columns["food"])
    )
    rows = np.arange(count)
    free = np.zeros((count, size + 2, size + 2), dtype=bool)
    free[:, 1:-1, 1:-1] = ((board != BODY) & (board != WALL)).reshape(count, size, size)
    front = np.zeros_like(free)
    front[rows, head // size + 1, head % size + 1] = True
    found = abs(head // size - food // size) + abs(head % size - food % size)
    found[food < 0] = NONE
    open_ = food >= 0
    steps = 0
    while open_.any():
        reached = front[rows, food // size + 1, food % size + 1] & open_
        found[reached] = steps
        free &= ~front
        near = np.zeros_like(front)
        near[:, 1:-1, 1:-1] = front[:, :-2, 1:-1] | front[:, 2:, 1:-1] | front[:, 1:-1, :-2] | front[:, 1:-1, 2:]
        front = near & free
        open_ &= ~reached & front.any(axis=(1, 2))
        steps += 1
    return found

"""One moment of a game of Snake, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ouroloop.protocols.records import Moment

ENDS: Final = {"won": "the board is full", "wall": "ran into a wall", "body": "ran into itself", "starved": "starved"}
"""How a game ended, in words."""
WALL_CODE: Final = 4
"""A wall, in an observation's board."""
REACH: Final = 12
"""Parts over which a short snake's gradient runs: a snake of three shows the head's colours, not the whole rainbow."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a drawing shows of one moment.

    Args:
        size: side of the board.
        snake: its cells, head first.
        food: its cell; -1 on a full board.
        walls: their cells.
        action: the next move; None if the game is over.
        odds: the probability that the player gives each move, summing to 1; a teacher is sure. Empty if the game is over.
        score: foods eaten.
        steps: moves made.
        cause: how the game ended; None while it runs.
        game: number of the game, from 0.
        heat: how much each cell speaks for the move, in [0, 1]; empty if nobody asked.
        lens: what found the heat, in words.
    """

    size: int
    snake: tuple[int, ...]
    food: int
    walls: tuple[int, ...]
    action: int | None
    odds: tuple[float, ...]
    score: int
    steps: int
    cause: str | None
    game: int
    heat: tuple[float, ...] = ()
    lens: str = ""

    @property
    def heading(self) -> int:
        """Where the head looks, 0..3: up, down, left, right."""
        if len(self.snake) < 2:
            return 3 if self.action is None else self.action
        return self.direction(self.snake[1], self.snake[0])

    def direction(self, start: int, end: int) -> int:
        """Return the move, 0..3, that leads from one cell to a neighbouring one."""
        return {-self.size: 0, self.size: 1, -1: 2}.get(end - start, 3)

    @property
    def room(self) -> int:
        """Number of cells that are not walls."""
        return self.size**2 - len(self.walls)

    def share(self, part: int) -> float:
        """Return a part's place on the gradient, in [0, 1]."""
        return part / max(REACH, len(self.snake) - 1)


def scene_of(moment: Moment) -> Scene:
    """Return a moment of a game as a scene."""
    seen = moment.seen
    length = int(seen.lengths["snake"][0])
    return Scene(
        size=int(seen.constants["size"]),
        snake=tuple(seen.columns["snake"][0][:length].tolist()),
        food=int(seen.columns["food"][0]),
        walls=tuple(np.flatnonzero(seen.columns["board"][0] == WALL_CODE).tolist()),
        action=moment.action,
        odds=moment.odds,
        score=moment.score,
        steps=moment.steps,
        cause=moment.cause,
        game=moment.game,
        heat=moment.heat,
        lens=moment.lens,
    )

"""One moment of a game of Snake, ready to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Engine
    from ouroloop.protocols.records import Observations

Colour: TypeAlias = tuple[int, int, int]

NIGHT: Final[Colour] = (15, 18, 26)
"""Around the board."""
GROUND: Final[tuple[Colour, Colour]] = ((25, 30, 42), (29, 35, 49))
"""Cells, as a chessboard has them."""
STONE: Final[Colour] = (92, 103, 125)
APPLE: Final[Colour] = (255, 92, 92)
LEAF: Final[Colour] = (126, 217, 107)
INK: Final[Colour] = (16, 24, 32)
PALE: Final[Colour] = (236, 240, 247)
MUTED: Final[Colour] = (138, 148, 168)
BODY: Final[tuple[Colour, ...]] = ((205, 246, 96), (66, 205, 134), (30, 128, 150), (52, 74, 138))
"""The snake from head to tail."""
ENDS: Final = {"won": "the board is full", "wall": "ran into a wall", "body": "ran into itself", "starved": "starved"}
"""How a game ended, in words."""
WALL_CODE: Final = 4
"""A wall, in an observation's board."""
REACH: Final = 12
"""Parts of a short snake's gradient: a snake of three shows the colours of a head, no whole rainbow."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be seen.

    Args:
        size: side of the board.
        snake: its cells, head first.
        food: its cell; -1 on a full board.
        walls: their cells.
        action: the move that comes next; None where the game is over.
        odds: what the player thinks of each move, summing to 1; a teacher is sure. Empty where the game is over.
        score: foods eaten.
        steps: moves made.
        cause: how the game ended; None while it runs.
        game: which of the games, from 0.
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

    @property
    def heading(self) -> int:
        """Where the head looks: 0..3, up, down, left, right."""
        if len(self.snake) < 2:
            return 3 if self.action is None else self.action
        return self.direction(self.snake[1], self.snake[0])

    def direction(self, start: int, end: int) -> int:
        """Return the move, 0..3, that leads from a cell to the one beside it."""
        return {-self.size: 0, self.size: 1, -1: 2}.get(end - start, 3)

    @property
    def room(self) -> int:
        """Cells that are no walls."""
        return self.size**2 - len(self.walls)

    def share(self, part: int) -> float:
        """Return where a part lies on the gradient, in [0, 1]."""
        return part / max(REACH, len(self.snake) - 1)


def gradient(share: float) -> Colour:
    """Return the snake's colour at a share of its length, 0 at the head and 1 at the tail."""
    at = share * (len(BODY) - 1)
    low = min(int(at), len(BODY) - 2)
    return blend(BODY[low], BODY[low + 1], at - low)


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that is so far, in [0, 1], from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def scene_of(
    engine: Engine,
    seen: Observations,
    game: int,
    causes: Sequence[str],
    action: int | None = None,
    odds: tuple[float, ...] = (),
) -> Scene:
    """Return a batch's only game as a scene.

    Args:
        engine: the batch of one game.
        seen: its observation.
        game: its number.
        causes: the task's.
        action: the move that comes next.
        odds: what the player thinks of each move.
    """
    found = engine.outcomes()
    length, cause = int(seen.lengths["snake"][0]), int(found.cause[0])
    return Scene(
        size=int(seen.constants["size"]),
        snake=tuple(seen.columns["snake"][0][:length].tolist()),
        food=int(seen.columns["food"][0]),
        walls=tuple(np.flatnonzero(seen.columns["board"][0] == WALL_CODE).tolist()),
        action=action,
        odds=odds,
        score=int(found.score[0]),
        steps=int(found.steps[0]),
        cause=None if cause < 0 else causes[cause],
        game=game,
    )

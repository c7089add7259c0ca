"""How players choose actions in the benchmark of the engine: any but backwards, any legal move, any move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.teachers.teach import teach

if TYPE_CHECKING:
    from numpy.typing import NDArray


def back_of(engine: SnakeEngine, actions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which actions lead a snake back into its neck."""
    snake = engine.observations().columns["snake"].astype(np.int64)
    step = snake[:, 0] - snake[:, 1]  # from neck to head
    towards = np.array([-engine.size, engine.size, -1, 1])[actions]
    return np.asarray(towards == -step)


def legal(engine: SnakeEngine, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random moves that are not deaths."""
    return teach("random", engine).astype(np.int64)


def forward(engine: SnakeEngine, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random moves, with those into the neck reversed, as PufferLib's rules do with random actions."""
    actions = rng.integers(0, 4, engine.games)
    return np.where(back_of(engine, actions), actions ^ 1, actions)


def uniform(engine: SnakeEngine, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return random moves, a quarter of which lead back into the neck and end the game."""
    return rng.integers(0, 4, engine.games)


ACTIONS: Final = {"legal": legal, "forward": forward, "uniform": uniform}
"""Ways to draw the actions for the batch call."""

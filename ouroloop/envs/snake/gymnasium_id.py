"""Registers Snake's environments with Gymnasium. The environments themselves are loaded by `gymnasium.make`."""

from __future__ import annotations

from typing import Final

import gymnasium

ID: Final = "ouroloop/Snake-v0"


def register() -> None:
    """Register `ID`, once."""
    if ID not in gymnasium.registry:
        gymnasium.register(
            id=ID,
            entry_point="ouroloop.envs.snake.gymnasium_env:SnakeEnv",
            vector_entry_point="ouroloop.envs.snake.gymnasium_vector:SnakeVectorEnv",
        )

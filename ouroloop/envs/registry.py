"""The table of games."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import TaskSettings


def make_task(settings: TaskSettings) -> Task:
    """Return the game of a recipe's `[task]` table; raises UsageError for a board that cannot be."""
    from ouroloop.envs.snake.task import SnakeTask

    return {"snake": SnakeTask}[settings.name](**settings.model_dump(exclude={"name"}))

"""Which looks a training may draw: a look that is held out measures whether eyes see what they have never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.config import RANDOM_LOOK
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.perception.config import CameraConfig
    from ouroloop.protocols.ports import Task


def check_look(task: Task, camera: CameraConfig) -> None:
    """Refuse a camera for the training of an eye whose look is held out.

    Raises:
        UsageError: the look is one of the game's `sight.held_out`, or the game has no sight.
    """
    sight = sight_of(task)
    if camera.look in sight.held_out:
        known = ", ".join((*sight.looks, RANDOM_LOOK))
        raise UsageError(
            f"the look {camera.look!r} of the game {task.name} is held out to measure with, and no eye is trained on it: "
            f"set the training's camera.look to one of {known}"
        )

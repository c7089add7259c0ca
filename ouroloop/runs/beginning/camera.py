"""One camera for all eyes of a run: a given policy that sees looks through the recipe's, as the controller's reader does."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ouroloop.protocols.seeds import derived_seed
from ouroloop.runs.seeds import recipe_seed

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import Recipe


def share_camera(policy: Path, recipe: Recipe, task: Task) -> None:
    """Put the eye of a policy's copy behind the run's camera. A policy that reads, or sees in a way of its own, stays as it is.

    Args:
        policy: the directory of the copy.
        recipe: the run's; its camera and its seed decide.
        task: the game.
    """
    from ouroloop.perception.eye import PictureEye
    from ouroloop.policy.fusion.directory import EYE, is_seeing
    from ouroloop.policy.fusion.eyes import open_eye

    if not is_seeing(policy):
        return
    eye = open_eye(policy / EYE, task)
    if isinstance(eye, PictureEye):
        shared = PictureEye(task, eye.name, eye.encoder, recipe.camera, derived_seed(recipe_seed(recipe), "camera"))
        shutil.rmtree(policy / EYE)
        shared.save(policy / EYE)

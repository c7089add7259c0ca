"""The game as a run's rewards know it: with `[salience]`, it has one feature more, from what the start policy looks at.

The start policy stays as it is, so the feature means the same in all rounds. Games, gate and oracle know nothing of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ouroloop.perception.salience import DOC, FEATURE, SalientTask

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import Recipe


def features_of(recipe: Recipe, task: Task) -> dict[str, str]:
    """Return what a run's rewards may be made of: feature -> one line that says what it measures."""
    return {**task.features, FEATURE: DOC} if recipe.salience.method else dict(task.features)


def rewarded(task: Task, method: str, policy: Path | None) -> Task:
    """Return the game with the feature, if there is a policy to take it from.

    Args:
        task: the game.
        method: how the policy's decisions are explained, one of `policy.saliency.names.TITLES`.
        policy: the directory of a policy that stays as it is; None for no such feature.

    Raises:
        UsageError: the game has no pictures, or nothing says which token of the policy speaks of which cell.
    """
    if policy is None:
        return task
    from ouroloop.policy.bases import open_policy
    from ouroloop.policy.saliency.explaining import salience_of

    return SalientTask(task, salience_of(open_policy(policy, task=task), method))

"""What every game offers beyond its port (phases, a bounded utility, a default encoding), and what only some offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.encoding import Encoding
    from ouroloop.protocols.ports import Engine, Oracle, Sight, Symmetry, Task, Teachers

PHASES: Final = ("early", "middle", "late")
"""The three phases of a game."""


def phases_of(task: Task, engine: Engine) -> NDArray[np.int8]:
    """Return (B,) int8: 0, 1 or 2, the third of its course that each game has reached."""
    thirds: NDArray[np.int8] = np.minimum(2, np.float32(3) * task.progress(engine)).astype(np.int8)
    return thirds


def bounded(score: NDArray[np.generic], scale: float) -> NDArray[np.float64]:
    """Return a utility in [0, 1) for a game without a best score: `score / (score + scale)`.

    It rises with the score without a bound on the score: it is one half at `scale`, and flattens above it. Set `scale` to the
    score of a fair player, because differences show best around it. Negative scores count as 0.

    Args:
        score: (B,) numbers.
        scale: above 0.
    """
    points = np.maximum(0.0, score.astype(np.float64))
    return np.asarray(points / (points + scale), dtype=np.float64)


def oracle_of(task: Task) -> Oracle:
    """Return the game's oracle; raises UsageError if it has none."""
    if task.oracle is None:
        raise UsageError(f"the game {task.name} has no oracle, but the request needs one")
    return task.oracle


def teachers_of(task: Task) -> Teachers:
    """Return the game's teachers; raises UsageError if it has none."""
    if task.teachers is None:
        raise UsageError(f"the game {task.name} has no teachers, but the request needs one: let a policy play instead")
    return task.teachers


def check_teacher(task: Task, name: str) -> None:
    """Raise UsageError if the game has no teachers, or none of that name for its boards."""
    teachers_of(task).teach(name, task.engine(np.zeros(1, np.uint64)))


def symmetry_of(task: Task) -> Symmetry:
    """Return the game's symmetry; raises UsageError if it has none."""
    if task.symmetry is None:
        raise UsageError(f"the game {task.name} has no symmetry, but symmetry = true needs one: set symmetry = false")
    return task.symmetry


def encoding_of(task: Task, name: str = "") -> Encoding:
    """Return an encoding of the game, its first if no name is given; raises UsageError for an unknown one."""
    return task.encoding(name or task.encodings[0])


def drawn_encoding_of(task: Task) -> Encoding:
    """Return the encoding that writes a position as it looks; raises UsageError if the game has none."""
    name = "" if task.sight is None else task.sight.encoding
    if not name:
        raise UsageError(f'the game {task.name} has no encoding that writes its board as it looks: set perception = "json"')
    return task.encoding(name)


def sight_of(task: Task) -> Sight:
    """Return the classes that the game's pictures show; raises UsageError if no reader can be trained for them."""
    if task.sight is None:
        raise UsageError(f'the game {task.name} cannot be read out of its pictures: set perception = "json"')
    return task.sight

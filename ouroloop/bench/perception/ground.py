"""What the sections share: the reader that ships, and boards that no training has drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.learning.positions import gather
from ouroloop.perception.reader import Reader, load_reader
from ouroloop.perception.shipped import shipped_reader
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from ouroloop.protocols.records import Observations

HOW: Final = "docs/perception.md says how to train one"


def the_reader(task: SnakeTask) -> Reader:
    """Return the reader that ships for a task; raises SurroundingsError if this installation has none."""
    path = shipped_reader(task)
    if path is None:
        raise SurroundingsError(f"no reader ships for {task.name} with this installation: {HOW}")
    return load_reader(path, task)


def boards(size: int, count: int, seed: int) -> Observations:
    """Return positions of a teacher's games, most of them moved on at random, half of them with walls."""
    task, own = SnakeTask(size), derived_seed(seed, "bench", "perception", str(size))
    return task.sight.vary(gather(task, own, count), np.random.default_rng(derived_seed(own, "walls")))

"""The positions that lessons are drawn from: a teacher's, and such as no good player gets into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.envs.capabilities import oracle_of, sight_of
from ouroloop.protocols.records import Observations
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

VARIANTS: Final = 4
"""Boards made from one teacher's position."""
DISTURBANCE: Final = 8
"""Most random moves after a teacher's position."""


def gather(task: Task, seed: int, count: int) -> Observations:
    """Return `count` observations: `VARIANTS` of each teacher's position; all but the first are moved on at random.

    A reader that sees nothing but good play learns what good positions look like. The random moves are drawn from those that do
    not lose at once; if there is none, the board stays as it is.
    """
    rows = np.arange(count, dtype=np.int64)
    engine = task.positions(seed, -(-count // VARIANTS)).clone(rows // VARIANTS)
    rng = np.random.default_rng(derived_seed(seed, "disturbance"))
    states = engine.observations()
    kept: dict[str, NDArray[Any]] = {key: column.copy() for key, column in states.columns.items()}
    lengths = {key: column.copy() for key, column in states.lengths.items()}
    moves = np.where(rows % VARIANTS == 0, 0, rng.integers(1, DISTURBANCE + 1, count))
    for step in range(DISTURBANCE):
        engine.step(np.argmax(rng.random((count, len(task.actions))) - (oracle_of(task).regret(engine) >= 1), axis=1))
        now = engine.observations()
        alive = (step < moves) & ~engine.done
        for key, column in now.columns.items():
            kept[key][alive] = column[alive]
        for key, column in now.lengths.items():
            lengths[key][alive] = column[alive]
    return Observations(states.constants, kept, lengths)


def varied(task: Task, seed: int, count: int) -> Observations:
    """Return the positions of `gather` as other settings of the game would show them, for instance with walls."""
    return sight_of(task).vary(gather(task, seed, count), np.random.default_rng(derived_seed(seed, "variation")))

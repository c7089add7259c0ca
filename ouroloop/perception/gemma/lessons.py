"""What the small Gemma learns from: positions, the classes of their cells, and the moves that a teacher would make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.capabilities import check_teacher, oracle_of, sight_of, teachers_of
from ouroloop.envs.loop import join_observations
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.perception.gemma.config import GemmaConfig
    from ouroloop.protocols.ports import Engine, Task
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Lessons:
    """N positions to be read, and N to be played.

    Args:
        varied: positions to be read, as other settings of the game would show them too.
        classes: (N, C) uint8, the class of each of their cells.
        played: positions to be played.
        moves: (N, A) float32, what a teacher would do there, as probabilities.
        deadly: (N, A) bool, moves that lose at once there.
    """

    varied: Observations
    classes: NDArray[np.uint8]
    played: Observations
    moves: NDArray[np.float32]
    deadly: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return N."""
        return len(self.classes)


def gather(task: Task, config: GemmaConfig, seed: int, count: int) -> Lessons:
    """Return `count` lessons: positions of the task's teachers, most of them moved on at random.

    The random moves are those that do not lose at once, so that a learner sees what its own mistakes lead to. A position whose
    game ends on the way is left out, and others take its place.

    Raises:
        UsageError: the game has no sight, no oracle, no teachers, or none of this name.
    """
    check_teacher(task, config.teacher)
    rng = np.random.default_rng(seed)
    parts: list[tuple[Observations, NDArray[np.float32], NDArray[np.bool_]]] = []
    while (have := sum(len(seen) for seen, _, _ in parts)) < count:
        parts += _round(task, config, derived_seed(seed, "lessons", len(parts)), count - have, rng)
    seen = join_observations([seen for seen, _, _ in parts])
    played = seen.take(slice(0, count))
    varied = sight_of(task).vary(played, rng)
    moves, deadly = (np.concatenate([part[index] for part in parts])[:count] for index in (1, 2))
    return Lessons(varied, sight_of(task).label(varied), played, moves, deadly)


def _round(
    task: Task, config: GemmaConfig, seed: int, count: int, rng: np.random.Generator
) -> list[tuple[Observations, NDArray[np.float32], NDArray[np.bool_]]]:
    """Return about `count` taught positions, a part for each number of random moves; at least one part has some."""
    ways = config.disturbance + 1
    start = task.positions(seed, -(-count // ways))
    parts = []
    for moves in range(ways):
        engine = start.clone(np.arange(start.games))
        for _ in range(moves):
            _wander(task, engine, rng)
        parts.append(_taught(task, config, engine.clone(np.flatnonzero(~engine.done))))
    return parts


def _wander(task: Task, engine: Engine, rng: np.random.Generator) -> None:
    """Make a random move in each game, one that does not lose at once if there is such a move."""
    deadly = oracle_of(task).regret(engine) >= 1
    engine.step(np.argmax(rng.random(deadly.shape) - deadly, axis=1))


def _taught(task: Task, config: GemmaConfig, engine: Engine) -> tuple[Observations, NDArray[np.float32], NDArray[np.bool_]]:
    """Return unfinished positions, the teacher's moves as probabilities, and the moves that lose at once."""
    teachers = teachers_of(task)
    chosen = teachers.teach(config.teacher, engine)
    equal = teachers.equal_moves(config.teacher, engine, chosen).astype(np.float32)
    own = np.eye(len(task.actions), dtype=np.float32)[chosen]
    shared = equal / np.maximum(1, equal.sum(1, keepdims=True))
    shared = np.where(equal.any(1, keepdims=True), shared, own)
    moves = (1 - config.smoothing) * own + config.smoothing * shared
    return engine.observations(), moves.astype(np.float32), oracle_of(task).regret(engine) >= 1

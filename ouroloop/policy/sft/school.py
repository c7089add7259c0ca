"""The lessons of a training: first the teacher's own games; the student's join round by round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import TrainerCallback

from ouroloop.envs.capabilities import symmetry_of, teachers_of
from ouroloop.policy.bases.player import player_of
from ouroloop.policy.distributed import Found, is_main, on_main, refill, replica
from ouroloop.policy.play import play
from ouroloop.policy.sft.data import Lessons, Teaching, join, lessons_of, load_lessons, teach
from ouroloop.protocols.seeds import derived_seed, game_seeds, splitmixes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.policy.sft.config import SftConfig
    from ouroloop.policy.training import Record
    from ouroloop.protocols.ports import Engine, Symmetry, Task

FIRST_DAGGER_GAME = 1 << 28
"""Games of DAgger rounds begin here in the `train` stream, beyond the teacher's; each round has as many games to itself."""
CURVE_GAMES = 32
"""Games per point of the learning curve, from the `search` stream."""


class School(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """The growing lessons of a training.

    Raises:
        UsageError: the task has no such teacher, or `symmetry` is set and the teacher does not play a position and its mirror
            image alike.
    """

    def __init__(self, task: Task, policy: LanguagePolicy, config: SftConfig, seed: int, record: Record) -> None:
        """Make the first lessons."""
        if config.symmetry:
            symmetry_of(task).check(config.teacher)
        self.task, self.config, self.seed, self.record = task, config, seed, record
        self.policy, self.mirror = policy, replica(policy)
        self.student = player_of(self.mirror)
        self.teaching = Teaching(config.teacher, config.smoothing, config.equals)
        self.rounds = [teach(task, self.teaching, config.positions, seed, noise=config.noise)]
        self.lessons = self.rounds[0]

    def draw(self, slots: NDArray[np.int64]) -> Lessons:
        """Return the lessons for these rows of the training's data."""
        drawn = splitmixes(derived_seed(self.seed, "lesson"), slots)
        lessons = self.lessons.take((drawn % np.uint64(len(self.lessons))).astype(np.int64))
        if not self.config.symmetry:
            return lessons
        symmetry = symmetry_of(self.task)
        turns = splitmixes(derived_seed(self.seed, "symmetry"), slots) % np.uint64(symmetry.count)
        return mirrored(lessons, symmetry, turns.astype(np.int64))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Hold a DAgger round, or record a point of the learning curve, if the step ends a part."""
        config, step = self.config, state.global_step
        if config.curve and step * config.curve // config.steps > (step - 1) * config.curve // config.steps:
            self.record.curve.append((step, self._score()))
        if step < config.steps and step * config.dagger // config.steps > (step - 1) * config.dagger // config.steps:
            self._dagger()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save the student's positions with the weights, since later weights cannot reproduce them."""
        if not is_main():
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        for number, lessons in enumerate(self.rounds[1:], start=1):
            lessons.save(folder / f"lessons-{number}.npz")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Load the lessons of the checkpoint from which the training resumes."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        while (path := folder / f"lessons-{len(self.rounds)}.npz").is_file():
            self.rounds.append(load_lessons(path))
        self.lessons = join(self.rounds)

    def _dagger(self) -> None:
        """Add positions of the student's games."""
        number = len(self.rounds)
        mixing = self.config.mixing * 0.5 ** (number - 1)

        def play(engine: Engine, generator: np.random.Generator) -> NDArray[np.integer]:
            moves = self.student.logits(engine.observations()).argmax(axis=1)
            if not mixing:
                return np.asarray(moves)
            taught = teachers_of(self.task).teach(self.config.teacher, engine)
            return np.where(generator.random(len(moves)) < mixing, taught, moves)

        first = number * FIRST_DAGGER_GAME
        count, seed = self.config.dagger_positions, self.seed
        self.rounds.append(self._asked(lambda: lessons_of(self.task, self.teaching, play, count, seed, first=first)))
        self.lessons = join(self.rounds)

    def _score(self) -> float:
        """Return the student's mean score on games from which it does not learn."""
        seeds = np.array(game_seeds(self.seed, "search", 0, CURVE_GAMES), dtype=np.uint64)
        return self._asked(lambda: float(play(self.task, self.student, seeds).score.mean()))

    def _asked(self, work: Callable[[], Found]) -> Found:
        """Let the main process do something with the current student, and return its result on all processes."""
        refill(self.mirror, self.policy)

        def work_of_now() -> Found:
            self.student.refresh()
            return work()

        return on_main(work_of_now)


def mirrored(lessons: Lessons, symmetry: Symmetry, which: NDArray[np.integer]) -> Lessons:
    """Return the lessons' images under the symmetries `which`: (B,) integers below `symmetry.count`."""
    return Lessons(symmetry.images(lessons.positions, which), symmetry.targets(lessons.targets, which), lessons.lengths)

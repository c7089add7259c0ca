"""The data of supervised fine-tuning: positions, and how good a teacher holds each move to be in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.capabilities import oracle_of, teachers_of
from ouroloop.envs.loop import join_observations
from ouroloop.protocols.records import Observations
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Engine, Task

SENSIBLE = 0.5
"""Moves with a lower regret may replace the teacher's; with a higher one, the game is lost or as good as lost."""
WAVE = 256
"""Games that are played in parallel."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a teacher's opinion becomes a target.

    Args:
        teacher: its name.
        smoothing: share of the target that other sensible moves get.
        equals: spread the rest over all moves that the teacher holds to be as good as its choice.
    """

    teacher: str
    smoothing: float
    equals: bool


@dataclass(frozen=True, slots=True)
class Lessons:
    """N positions with targets.

    Args:
        positions: N observations.
        targets: (N, A) float32, the wanted probability of each action; rows add up to 1.
        lengths: (N,) int32, how far each game had come; lessons are balanced over it.
    """

    positions: Observations
    targets: NDArray[np.float32]
    lengths: NDArray[np.int32]

    def __len__(self) -> int:
        """Return N."""
        return len(self.targets)

    def take(self, rows: NDArray[np.int64]) -> Lessons:
        """Return some rows."""
        return Lessons(self.positions.take(rows), self.targets[rows], self.lengths[rows])

    def save(self, path: Path) -> None:
        """Write the lessons to an `npz` file."""
        named = {f"column.{k}": v for k, v in self.positions.columns.items()}
        named |= {f"length.{k}": np.asarray(v) for k, v in self.positions.lengths.items()}
        named |= {f"constant.{k}": np.asarray(v) for k, v in self.positions.constants.items()}
        named |= {"targets": self.targets, "lengths": self.lengths}
        np.savez(path, **named)  # type: ignore[arg-type]  # numpy's stub takes names for its own switches


def load_lessons(path: Path) -> Lessons:
    """Return the lessons in a file."""
    with np.load(path, allow_pickle=False) as file:
        parts: dict[str, dict[str, NDArray[np.generic]]] = {"column": {}, "length": {}, "constant": {}}
        for key in file.files:
            kind, _, name = key.partition(".")
            if name:
                parts[kind][name] = file[key]
        constants = {name: value.item() for name, value in parts["constant"].items()}
        return Lessons(Observations(constants, parts["column"], parts["length"]), file["targets"], file["lengths"])


def join(parts: list[Lessons]) -> Lessons:
    """Return several lessons as one, in order; at least one."""
    return Lessons(
        join_observations([part.positions for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )


def teach(task: Task, teaching: Teaching, count: int, seed: int, *, noise: float) -> Lessons:
    """Return positions of the teacher's own games, balanced over how far they have come.

    Args:
        task: the game.
        teaching: the teacher, and how its moves become targets.
        count: positions wanted.
        seed: of the games and of the noise.
        noise: share of the *played* moves that are a random sensible move instead of the teacher's, so that positions vary;
            the targets stay the teacher's.

    Raises:
        UsageError: there is no such teacher.
    """

    def play(engine: Engine, generator: np.random.Generator) -> NDArray[np.int8]:
        moves = np.asarray(teachers_of(task).teach(teaching.teacher, engine), dtype=np.int8)
        return _astray(task, engine, moves, generator, noise) if noise else moves

    return lessons_of(task, teaching, play, count, seed, first=0, choice=3.0)


def lessons_of(
    task: Task,
    teaching: Teaching,
    play: Callable[[Engine, np.random.Generator], NDArray[np.integer]],
    count: int,
    seed: int,
    *,
    first: int,
    choice: float = 1.0,
) -> Lessons:
    """Return positions that a player reaches, with the teacher's opinion of them, balanced over how far they have come.

    Args:
        task: the game.
        teaching: the teacher.
        play: the player: maps running games and a generator to moves (B,).
        count: positions wanted.
        seed: of the games and of the player.
        first: number of the first game in the `train` stream.
        choice: least number of positions played for each one kept.
    """
    generator = np.random.default_rng([seed, first, 0x5F7])
    kept: list[Lessons] = []
    supply = 0
    while supply < choice * count:
        engine = task.engine(np.array(game_seeds(seed, "train", first, WAVE), dtype=np.uint64))
        first += WAVE
        wave: list[Lessons] = []
        while len(rows := np.flatnonzero(~engine.done)):
            running = engine.clone(rows)
            positions = running.observations()
            wave.append(Lessons(positions, targets_of(task, teaching, running), _lengths(task, running, positions)))
            moves = np.zeros(engine.games, dtype=np.int8)
            moves[rows] = play(running, generator)
            engine.step(moves)
        supply += sum(len(part) for part in wave)
        kept.append(balanced(join(wave), count, generator))
    return balanced(join(kept), count, generator)


def _lengths(task: Task, running: Engine, positions: Observations) -> NDArray[np.int32]:
    """Return how far each game has come, (B,) int32: the length of its first list, or, without one, its progress in percent."""
    found = next(iter(positions.lengths.values()), 100 * task.progress(running))
    return np.asarray(found, dtype=np.int32)


def targets_of(task: Task, teaching: Teaching, engine: Engine) -> NDArray[np.float32]:
    """Return the wanted probabilities of the moves in running games: (B, A) float32."""
    moves = np.asarray(teachers_of(task).teach(teaching.teacher, engine), dtype=np.int64)
    best = np.zeros((len(moves), len(task.actions)), dtype=bool)
    best[np.arange(len(moves)), moves] = True
    if teaching.equals:
        best |= teachers_of(task).equal_moves(teaching.teacher, engine, moves)
    targets = (best / best.sum(axis=1, keepdims=True)).astype(np.float32)
    if teaching.smoothing:
        other = (oracle_of(task).regret(engine) < SENSIBLE) & ~best
        has = other.any(axis=1)
        targets[has] *= 1 - teaching.smoothing
        targets[has] += (teaching.smoothing * other[has] / other[has].sum(axis=1, keepdims=True)).astype(np.float32)
    return np.asarray(targets, dtype=np.float32)


def balanced(lessons: Lessons, count: int, generator: np.random.Generator) -> Lessons:
    """Return at most `count` lessons in random order: all of rare lengths, and an equal share of each common one."""
    if len(lessons) <= count:
        return lessons
    return lessons.take(balanced_rows(lessons.lengths, count, generator))


def balanced_rows(lengths: NDArray[np.int32], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `count` distinct indices in random order: all of rare lengths, and an equal share of each common one.

    Args:
        lengths: (N,) int32, N >= count.
        count: indices wanted.
        generator: chooses among equals.
    """
    order = generator.permutation(len(lengths))
    by_length = order[np.argsort(lengths[order], kind="stable")]
    sorted_lengths = lengths[by_length]
    first = np.searchsorted(sorted_lengths, sorted_lengths, side="left")
    rank = np.arange(len(lengths)) - first
    # The k-th position of every length comes before the (k+1)-th of any, so the shares are as equal as the supply allows.
    chosen = by_length[np.argsort(rank, kind="stable")[:count]]
    return np.asarray(generator.permutation(chosen), dtype=np.int64)


def _astray(
    task: Task, engine: Engine, moves: NDArray[np.int8], generator: np.random.Generator, noise: float
) -> NDArray[np.int8]:
    """Return the moves, each replaced at a rate by another sensible one, if there is one: (B,) int8."""
    rows = np.flatnonzero(generator.random(len(moves)) < noise)
    if not len(rows):
        return moves
    other = oracle_of(task).regret(engine.clone(rows)) < SENSIBLE
    other[np.arange(len(rows)), moves[rows]] = False
    chosen = np.where(other, generator.random(other.shape), -1.0).argmax(axis=1)
    moves = moves.copy()
    moves[rows] = np.where(other.any(axis=1), chosen, moves[rows])
    return moves

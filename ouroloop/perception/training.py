"""Training of the built-in reader, from scratch: pictures of boards in, each cell's class out.

One training makes one reader for boards of all sizes. Each step shows boards of one size: a lesson of `learning.lessons`. The
number of steps is fixed, so a seed gives one set of weights. Two things are learned side by side: how pictures lie, and what
straightened pictures show.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cellnet import CellNet, build, initialise, prepared
from ouroloop.perception.cells import CellEncoder, ReaderCard, save_reader, torch_threads, weights_of
from ouroloop.perception.config import CameraConfig, ReaderConfig, perfect
from ouroloop.perception.learning.fitting import descend
from ouroloop.perception.learning.lessons import Lesson, Lessons, ahead
from ouroloop.perception.learning.positions import varied
from ouroloop.perception.learning.pretraining import pretrain
from ouroloop.perception.reader import Reader
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.protocols.ports import Task

Progress: TypeAlias = Callable[[str, float, dict[str, float]], None]
"""Called with a phase's name, its share done in [0, 1], and the current figures."""

EXAM_CELLS: Final = 40_000
"""Cells of the fresh boards of each size that measure the trained reader, in each look."""
EXAM_BOARDS: Final = 400
"""Most boards of each size, in each look."""
STANDARD_LESSONS: Final = 24
"""Lessons whose cells say what a latent's mean and deviation are, and how rare each class is."""
DEAREST: Final = 4.0
"""How much more than the commonest class a rare one counts at most, cell by cell."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The shares of fresh boards read exactly (board, snake and food).

    Args:
        exact: from clean pictures in the looks of the training.
        exact_shaken: through the default camera, in looks that the training never drew.
    """

    exact: float
    exact_shaken: float


@dataclass(frozen=True, slots=True)
class ReaderReport:
    """The result of a training.

    Args:
        steps: optimiser steps, pre-training included.
        parameters: trained numbers in the network.
        loss: mean cross-entropy over the last steps, in nats; rare classes count more.
        exact: mean over the sizes of the shares in `by_size`; see `Accuracy`.
        exact_shaken: likewise.
        by_size: the shares for each side of a board.
        seconds: wall time.
        processor_seconds: time that the processor worked on it, in all threads, the measuring included.
    """

    steps: int
    parameters: int
    loss: float
    exact: float
    exact_shaken: float
    by_size: Mapping[int, Accuracy]
    seconds: float
    processor_seconds: float


def train_reader(tasks: Sequence[Task], config: ReaderConfig, seed: int, out: Path, progress: Progress) -> ReaderReport:
    """Train a reader for a game's boards and write it to the directory `out`.

    Args:
        tasks: the game on boards of several sizes (`envs.registry.in_sizes`).
        config: the network and its training; `config.sizes` is what the tasks were made of, and is not read here.
        seed: of everything random.
        out: where the reader is to lie.
        progress: called with `masked`, `training` and `reading`.

    Raises:
        UsageError: `out` exists, or there are no tasks, or tasks of several games.
        TrainingError: a loss is no longer finite.
        SurroundingsError: the disk is full, or `out` cannot be written.
    """
    started, worked = time.monotonic(), time.process_time()
    classes = _checked(tasks, out)
    model, generator = build(classes, config.width, config.depth), torch.Generator()
    generator.manual_seed(derived_seed(seed, "reader", "weights"))
    initialise(model, generator)
    with torch_threads(config.threads), closing(ahead(Lessons(tasks, config, seed))) as lessons:
        if config.pretrain_steps:
            pretrain(model, lessons, config, generator, lambda share, found: progress("masked", share, found))
        told = descend(
            model.parameters(),
            losses(model, lessons, worths(islice(lessons, STANDARD_LESSONS), classes)),
            config.steps,
            config.rate,
            lambda share, found: progress("training", share, found),
        )
        standardise(model, islice(lessons, STANDARD_LESSONS))
    sizes = tuple(sight_of(task).side for task in tasks)
    parameters, weights = sum(weight.numel() for weight in model.parameters()), weights_of(model)
    card = ReaderCard(
        task=tasks[0].name,
        classes=classes,
        sizes=sizes,
        seed=seed,
        parameters=parameters,
        exact=0.0,
        exact_shaken=0.0,
        sha256=hashlib.sha256(weights).hexdigest(),
        config=config,
    )
    by_size = examined(CellEncoder(card, model), tasks, seed, progress)
    exact = float(np.mean([found.exact for found in by_size.values()]))
    shaken = float(np.mean([found.exact_shaken for found in by_size.values()]))
    progress("reading", 1.0, {"exact": exact, "exact_shaken": shaken})
    save_reader(out, card.model_copy(update={"exact": exact, "exact_shaken": shaken}), weights)
    steps = config.steps + config.pretrain_steps
    took = time.monotonic() - started, time.process_time() - worked
    return ReaderReport(steps, parameters, told["loss"], exact, shaken, by_size, *took)


def _checked(tasks: Sequence[Task], out: Path) -> int:
    """Return the number of classes of the tasks' cells; raises UsageError if they cannot be trained together, or not there."""
    if out.exists():
        raise UsageError(f"the reader {out} exists already: delete it or name another place")
    games = sorted({task.name for task in tasks})
    if len(games) != 1:
        found = f"tasks of {', '.join(games)}" if games else "no tasks"
        raise UsageError(f"a reader is trained on one game, found {found}: give boards of one game")
    kinds = sorted({sight_of(task).classes for task in tasks})
    if len(kinds) != 1:
        raise UsageError(f"the tasks of {games[0]} have {kinds} kinds of cells: give boards with the same kinds")
    return kinds[0]


def worths(lessons: Iterator[Lesson], classes: int) -> Tensor:
    """Return how much a cell of each class counts: (classes,) float32, from 1 for the commonest to `DEAREST`.

    It falls with the square root of a class's share. A board has one head among a hundred walls; where the two look alike, the
    prior alone would call it a wall.
    """
    counts = sum((np.bincount(lesson.classes.reshape(-1), minlength=classes) for lesson in lessons), np.zeros(classes))
    shares = torch.from_numpy(counts / counts.max()).float()
    return shares.clamp(min=DEAREST**-2).rsqrt()


def losses(model: CellNet, lessons: Iterator[Lesson], worth: Tensor) -> Iterator[dict[str, Tensor]]:
    """Yield a lesson's losses at a time: `loss`, the classes' cross-entropy, and `aligning`, the lattice's squared error."""
    model.train().requires_grad_(True)
    for lesson in lessons:
        classes = torch.from_numpy(lesson.classes).long().view(-1)
        logits = model(prepared(lesson.straight))
        phases = model.lattice(prepared(lesson.seen))
        yield {
            "loss": functional.cross_entropy(logits.view(len(classes), -1), classes, weight=worth),
            "aligning": functional.mse_loss(phases, torch.from_numpy(lesson.phases)),
        }


def standardise(model: CellNet, lessons: Iterator[Lesson]) -> None:
    """Set the mean and the scale of the network's latents, in place, from lessons.

    Each class counts alike. Most cells are empty ground; scaled by their share, a head would lie far outside [-4, 4].
    """
    model.eval()
    sums = torch.zeros(3, model.head.out_features, model.head.in_features, dtype=torch.float64)
    for lesson in lessons:
        kinds = functional.one_hot(torch.from_numpy(lesson.classes).long().view(-1), model.head.out_features).double()
        with torch.inference_mode():
            found = model.vectors(prepared(lesson.straight)).flatten(0, 2).double()
        for place, values in enumerate((torch.ones_like(found), found, found.square())):
            sums[place] += kinds.T @ values
    there = sums[0, :, 0] > 0
    means = sums[1:, there] / sums[0, there]
    first, second = means.mean(1)
    model.latent_mean.copy_(first)
    model.latent_scale.copy_((second - first.square()).clamp(min=1e-6).rsqrt())


def examined(cells: CellEncoder, tasks: Sequence[Task], seed: int, progress: Progress) -> dict[int, Accuracy]:
    """Return the shares of fresh boards that are read exactly, for each side."""
    found: dict[int, Accuracy] = {}
    for place, task in enumerate(tasks):
        progress("reading", place / len(tasks), {})
        sight = sight_of(task)
        reader = Reader(cells, sight)
        count = max(1, min(EXAM_BOARDS, EXAM_CELLS // sight.side**2))
        boards = varied(task, derived_seed(seed, "reader", "held out"), count)
        clean = [Camera(task, perfect(look=look)) for look in sight.looks]
        shaken = [Camera(task, CameraConfig(look=look)) for look in sight.held_out or sight.looks]
        shares = [np.mean([reader.read(one.look(boards)).exact(boards).mean() for one in many]) for many in (clean, shaken)]
        found[sight.side] = Accuracy(float(shares[0]), float(shares[1]))
    return found

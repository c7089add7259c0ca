"""Training of the built-in reader, from scratch, on rendered positions: a picture in, each cell's class out.

Positions come from the task, and most of them are then disturbed by random moves, so that the reader does not learn what a good
player's positions look like. The game's sight varies them further. Each step changes brightness and adds noise; otherwise the
reader would only look up eight sprites. The number of steps is fixed, so a seed gives one set of weights.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from ouroloop.envs.capabilities import oracle_of, sight_of
from ouroloop.perception.config import ReaderConfig
from ouroloop.perception.reader import ReaderCard, network, save_reader, torch_threads, weights_of
from ouroloop.perception.vit import CellVit, initialise, normalise, patchify
from ouroloop.protocols.errors import TrainingError, UsageError
from ouroloop.protocols.records import Observations
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

Progress: TypeAlias = Callable[[str, float, dict[str, float]], None]
"""Called with a phase's name, its share done in [0, 1], and the current figures."""

HELD_OUT: Final = 2048
"""Held-out boards that measure the trained reader."""
EXAMINED_AT_ONCE: Final = 64
"""Held-out boards per pass."""
VARIANTS: Final = 4
"""Boards made from one teacher's position."""
DISTURBANCE: Final = 8
"""Most random moves after a teacher's position."""
REPORT_EVERY: Final = 20
"""Steps between two reports of progress."""


@dataclass(frozen=True, slots=True)
class ReaderReport:
    """The result of a training.

    Args:
        steps: optimiser steps.
        parameters: trained numbers in the network.
        loss: mean cross-entropy per cell over the last steps, in nats.
        exact: share of held-out boards whose board, snake and food were read exactly, from clean pictures.
        exact_augmented: the same for pictures altered as in training.
        seconds: wall time.
    """

    steps: int
    parameters: int
    loss: float
    exact: float
    exact_augmented: float
    seconds: float


def train_reader(task: Task, config: ReaderConfig, seed: int, out: Path, progress: Progress) -> ReaderReport:
    """Train a reader for a task's boards and write it to the directory `out`.

    Raises:
        UsageError: `out` exists, or the configuration contradicts itself.
        TrainingError: the loss is no longer finite.
        SurroundingsError: the disk is full, or `out` cannot be written.
    """
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"the reader {out} exists already: delete it or name another place")
    sight = sight_of(task)
    model = network(sight, config)
    generator = torch.Generator().manual_seed(derived_seed(seed, "reader", "weights"))
    with torch_threads(config.threads):
        observations = gather(task, derived_seed(seed, "reader", "boards"), config.boards)
        loss = _fit(initialise(model, generator), task, observations, config, generator, progress)
        held_out = gather(task, derived_seed(seed, "reader", "held out"), HELD_OUT)
        exact = _exact(model, task, held_out, config, None)
        exact_augmented = _exact(model, task, held_out, config, generator)
    progress("reading", 1.0, {"exact": exact, "exact_augmented": exact_augmented})
    parameters = sum(weight.numel() for weight in model.parameters())
    weights = weights_of(model)
    card = ReaderCard(
        task=task.name,
        size=sight.side,
        seed=seed,
        parameters=parameters,
        exact=exact,
        exact_augmented=exact_augmented,
        sha256=hashlib.sha256(weights).hexdigest(),
        config=config,
    )
    save_reader(out, card, weights)
    return ReaderReport(config.steps, parameters, loss, exact, exact_augmented, time.monotonic() - started)


def gather(task: Task, seed: int, count: int) -> Observations:
    """Return `count` observations: `VARIANTS` of each teacher's position; all but the first are moved on at random.

    The random moves are drawn from those that do not lose at once; if there is none, the board stays as it is.
    """
    rows = np.arange(count, dtype=np.int64)
    engine = task.positions(seed, -(-count // VARIANTS)).clone(rows // VARIANTS)
    rng = np.random.default_rng(seed)
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
    return sight_of(task).vary(Observations(states.constants, kept, lengths), rng)


def augment(patches: torch.Tensor, config: ReaderConfig, generator: torch.Generator) -> torch.Tensor:
    """Return patches (B, C, P) in [0, 1] with gain, offset and Gaussian noise drawn per board, clipped to [0, 1]."""
    gain, offset, noise = torch.rand(3, len(patches), 1, 1, generator=generator)
    patches = patches * (1 + config.brightness * (2 * gain - 1)) + config.brightness * (2 * offset - 1)
    grain = torch.randn(patches.shape, generator=generator)
    return patches.addcmul_(grain, config.noise * noise).clamp_(0.0, 1.0)


def _fit(
    model: CellVit,
    task: Task,
    observations: Observations,
    config: ReaderConfig,
    generator: torch.Generator,
    progress: Progress,
) -> float:
    """Train the network in place; return the mean loss of the last steps."""
    model.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.1)
    sight = sight_of(task)
    classes = torch.from_numpy(sight.label(observations)).long()
    batch = max(1, config.batch_cells // classes.shape[1])
    recent = 0.0
    for step in range(config.steps):
        rows = torch.randint(len(classes), (batch,), generator=generator)
        pixels = task.render(observations.take(rows.numpy()), config.cell_px)
        patches = normalise(augment(patchify(pixels, config.cell_px), config, generator))
        loss = functional.cross_entropy(model(patches).view(-1, sight.classes), classes[rows].view(-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingError(f"the reader's loss is {value} at step {step}: lower `rate` (now {config.rate})")
        recent = value if step == 0 else recent + 0.1 * (value - recent)
        if (step + 1) % REPORT_EVERY == 0:
            progress("training", (step + 1) / config.steps, {"loss": recent})
    return recent


def _exact(
    model: CellVit, task: Task, observations: Observations, config: ReaderConfig, generator: torch.Generator | None
) -> float:
    """Return the share of boards read exactly; with a generator, from pictures altered as in training."""
    sight, same = sight_of(task), 0
    model.eval()
    for start in range(0, len(observations), EXAMINED_AT_ONCE):
        batch = observations.take(slice(start, start + EXAMINED_AT_ONCE))
        patches = patchify(task.render(batch, config.cell_px), config.cell_px)
        if generator is not None:
            patches = augment(patches, config, generator)
        with torch.inference_mode():
            read = sight.decode(model(normalise(patches)).softmax(-1).numpy())
        same += int(read.exact(batch).sum())
    return same / len(observations)

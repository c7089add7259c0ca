"""Training of the autoencoder from pictures alone: no label, no move, nothing but what the camera saw and what was drawn.

The loss is the negative evidence bound of pixels with a standard deviation of `DEVIATION`, its divergence weighted by `beta`;
the weight rises from zero, since a divergence in full from the first step drives all latents to the prior (Bowman et al. 2016).
What the camera adds (noise, tilt, colours) is not to be given back, so it costs no latent.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import torch

from ouroloop.atomic import whole_directory
from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.config import perfect
from ouroloop.perception.vae.encoding import VaeCard, pictures, weights_of, write
from ouroloop.perception.vae.network import Vae, network
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.perception.vae.config import VaeConfig
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

Progress: TypeAlias = Callable[[str, float, dict[str, float]], None]
"""Called with a phase's name, its share done in [0, 1], and the current figures."""
DEVIATION: Final = 0.1
HELD_OUT: Final = 512
"""Held-out pictures that measure the result, and training pictures that give each latent's mean and deviation."""
WARMUP: Final = 0.3
"""Share of the steps in which the weight of the divergence rises."""
LEAST: Final = 1e-3
"""Least deviation of a latent: one that the training left unused stays small."""
REPORT_EVERY: Final = 10


@dataclass(frozen=True, slots=True)
class VaeReport:
    """The result of a training.

    Args:
        steps: optimiser steps.
        parameters: trained numbers in the network.
        loss: negative evidence bound per picture over the last steps, in nats.
        error: root mean square error of a pixel on held-out pictures, as a share of full scale.
        used: number of latents whose mean varies by more than a tenth of the prior's deviation.
        seconds: wall time.
    """

    steps: int
    parameters: int
    loss: float
    error: float
    used: int
    seconds: float


def train_vae(task: Task, config: VaeConfig, seed: int, out: Path, progress: Progress) -> VaeReport:
    """Train an autoencoder on pictures of a task and write it to the folder `out`.

    Raises:
        UsageError: `out` exists, or the game has no pictures.
        TrainingError: the loss is no longer finite.
        SurroundingsError: the disk is full, or `out` cannot be written.
    """
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"the autoencoder {out} exists already: delete it or name another place")
    studio = Studio(task, config, derived_seed(seed, "vae", "camera"))
    model = network(config, derived_seed(seed, "vae", "weights"))
    generator = torch.Generator().manual_seed(derived_seed(seed, "vae", "steps"))
    with torch_threads(config.threads):
        boards = studio.boards(derived_seed(seed, "vae", "boards"), config.boards)
        loss = _fit(model, studio, boards, config, generator, progress)
        means, deviations = _spread(model, studio, boards.take(slice(0, HELD_OUT)))
        error = _error(model, studio, studio.boards(derived_seed(seed, "vae", "held out"), HELD_OUT))
    progress("reading", 1.0, {"error": error})
    weights, parameters = weights_of(model), sum(weight.numel() for weight in model.parameters())
    card = VaeCard(
        task=task.name,
        side=sight_of(task).side,
        seed=seed,
        parameters=parameters,
        error=error,
        means=tuple(means.tolist()),
        deviations=tuple(np.maximum(deviations, LEAST).tolist()),
        sha256=hashlib.sha256(weights).hexdigest(),
        config=config,
    )
    try:
        with whole_directory(out, replace=False) as half:
            write(half, card, weights)
    except OSError as fault:
        raise SurroundingsError(f"cannot write {out}: {fault.strerror}; free some space or choose another place") from fault
    used = int((deviations > 0.1).sum())
    return VaeReport(config.steps, parameters, loss, error, used, time.monotonic() - started)


class Studio:
    """Takes each picture twice: as the camera sees it, and as it was drawn."""

    def __init__(self, task: Task, config: VaeConfig, seed: int) -> None:
        """Set up the two cameras; with random looks, both draw a position in the same one."""
        camera = config.camera
        self.task, self.side_px = task, config.image_px
        self.shown = Camera(task, camera, seed)
        self.drawn = Camera(task, perfect(look=camera.look, cell_px=camera.cell_px), seed)

    def boards(self, seed: int, count: int) -> Observations:
        """Return positions from all phases of the game, varied as the sight varies them."""
        seen = self.task.positions(seed, count).observations()
        return sight_of(self.task).vary(seen, np.random.default_rng(seed))

    def pair(self, boards: Observations) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the camera sees and what was drawn: (B, 3, S, S) float32 in [0, 1] each."""
        return pictures(self.shown.look(boards), self.side_px), pictures(self.drawn.look(boards), self.side_px)


def _fit(
    model: Vae, studio: Studio, boards: Observations, config: VaeConfig, generator: torch.Generator, progress: Progress
) -> float:
    """Train the network in place; return the mean loss of the last steps."""
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.1)
    recent = 0.0
    for step in range(config.steps):
        rows = torch.randint(len(boards), (config.batch,), generator=generator).numpy()
        beta = config.beta * min(1.0, step / (WARMUP * config.steps))
        loss = _loss(model, *studio.pair(boards.take(rows)), beta, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingError(f"the autoencoder's loss is {value} at step {step}: lower `rate` (now {config.rate})")
        recent = value if step == 0 else recent + 0.1 * (value - recent)
        if (step + 1) % REPORT_EVERY == 0:
            progress("training", (step + 1) / config.steps, {"loss": recent})
    return recent


def _loss(model: Vae, shown: torch.Tensor, drawn: torch.Tensor, beta: float, generator: torch.Generator) -> torch.Tensor:
    """Return the mean of -log p(picture | latents) and beta times the divergence from the prior, in nats per picture."""
    mean, spread = model.encode(shown)
    noise = torch.randn(mean.shape, generator=generator)
    missed = (model.decode(mean + noise * (0.5 * spread).exp()) - drawn).square().flatten(1).sum(dim=1)
    divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(dim=1)
    return (missed / (2 * DEVIATION**2) + beta * divergence).mean()


@torch.inference_mode()  # type: ignore[untyped-decorator]
def _spread(model: Vae, studio: Studio, boards: Observations) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and the deviation of each latent over positions: (latents,) float32 each."""
    means = model.eval().encode(studio.pair(boards)[0])[0].numpy()
    return means.mean(axis=0), means.std(axis=0)


@torch.inference_mode()  # type: ignore[untyped-decorator]
def _error(model: Vae, studio: Studio, boards: Observations) -> float:
    """Return the root mean square error of a pixel, from the latents' means."""
    shown, drawn = studio.pair(boards)
    return float((model.eval().decode(model.encode(shown)[0]) - drawn).square().mean().sqrt())

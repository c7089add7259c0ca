"""Training of the autoencoder from pictures alone: no label, no move, nothing but what the camera saw and what was drawn.

The loss is the negative evidence bound of pixels with a standard deviation of `DEVIATION`, its divergence weighted by `beta`;
the weight rises from zero, since a divergence in full from the first step drives all latents to the prior (Bowman et al. 2016).
What the camera adds (noise, tilt, colours) is not to be given back, so it costs no latent.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from ouroloop.envs.capabilities import sight_of
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import torch_threads
from ouroloop.perception.config import perfect
from ouroloop.perception.encoders import evenly, reseeded, typical_boards, written
from ouroloop.perception.learning.fitting import descend
from ouroloop.perception.vae.encoding import LEAST, VaeCard, check_size, pictures, weights_of, write
from ouroloop.perception.vae.network import Vae, network
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.seeds import derived_seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.perception.training import Progress
    from ouroloop.perception.vae.config import VaeConfig
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

DEVIATION: Final = 0.1
HELD_OUT: Final = 512
"""Held-out pictures that measure the result, and training pictures that give each latent's mean and deviation."""
WARMUP: Final = 0.3
"""Share of the steps in which the weight of the divergence rises."""


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
        UsageError: `out` exists, the game has no pictures, or the weights would be too many to be read again.
        TrainingError: the loss is no longer finite.
        SurroundingsError: the disk is full, or `out` cannot be written.
    """
    started = time.monotonic()
    if out.exists():
        raise UsageError(f"the autoencoder {out} exists already: delete it or name another place")
    check_size(config)
    studio = Studio(task, config, derived_seed(seed, "vae", "camera"))
    model = network(config, derived_seed(seed, "vae", "weights"))
    generator = torch.Generator().manual_seed(derived_seed(seed, "vae", "steps"))
    with torch_threads(config.threads):
        boards = typical_boards(task, derived_seed(seed, "vae", "boards"), config.boards)
        found = descend(
            model.train().parameters(),
            _losses(model, studio, boards, config, generator),
            config.steps,
            config.rate,
            lambda share, figures: progress("training", share, figures),
            whose="the autoencoder's",
            steepest=None,
        )
        means, deviations = _spread(model, studio, evenly(boards, HELD_OUT))
        error = _error(model, studio, typical_boards(task, derived_seed(seed, "vae", "held out"), HELD_OUT))
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
    with written(out, "the autoencoder") as half:
        write(half, card, weights)
    used = int((deviations > 0.1).sum())
    return VaeReport(config.steps, parameters, found["loss"], error, used, time.monotonic() - started)


class Studio:
    """Takes each picture twice: as the camera sees it, and as it was drawn."""

    def __init__(self, task: Task, config: VaeConfig, seed: int) -> None:
        """Set up the two cameras; with random looks, both draw a position in the same one."""
        camera = config.camera
        self.seed, self.side_px = seed, config.image_px
        self.shown = Camera(task, camera, seed)
        self.drawn = Camera(task, perfect(look=camera.look, cell_px=camera.cell_px), seed)

    def pair(self, boards: Observations, step: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the camera sees and what was drawn: (B, 3, S, S) float32 in [0, 1] each.

        Args:
            boards: the positions.
            step: of a training, whose looks and noise no other step has; None for those of the studio.
        """
        cameras = [self.shown, self.drawn]
        if step is not None:
            cameras = [reseeded(camera, derived_seed(self.seed, "step", step)) for camera in cameras]
        shown, drawn = (pictures(camera.look(boards), self.side_px) for camera in cameras)
        return shown, drawn


def _losses(
    model: Vae, studio: Studio, boards: Observations, config: VaeConfig, generator: torch.Generator
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the loss of a step at a time."""
    for step in range(config.steps):
        rows = torch.randint(len(boards), (config.batch,), generator=generator).numpy()
        beta = config.beta * min(1.0, step / (WARMUP * config.steps))
        yield {"loss": _loss(model, *studio.pair(boards.take(rows), step), beta, generator)}


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

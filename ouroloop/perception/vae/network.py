"""The network of the autoencoder: four convolutions that halve the picture, and four that double it again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from ouroloop.perception.vae.config import VaeConfig

HALVED = 16
"""How much smaller the innermost grid is than the picture."""


class Vae(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Pictures to the means and logarithmic variances of their latents, and latents to pictures."""

    def __init__(self, config: VaeConfig) -> None:
        """Build the layers."""
        super().__init__()
        width, self.inner = config.width, config.image_px // HALVED
        channels = (3, width, 2 * width, 4 * width, 4 * width)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for near, far in pairwise(channels):
            down += [nn.Conv2d(near, far, 4, stride=2, padding=1), nn.GroupNorm(1, far), nn.SiLU()]
            up = [nn.ConvTranspose2d(far, near, 4, stride=2, padding=1), nn.GroupNorm(1, near), nn.SiLU(), *up]
        self.down, self.up = nn.Sequential(*down), nn.Sequential(*up[:-2])
        self.deep = (channels[-1], self.inner, self.inner)
        self.narrow = nn.Linear(channels[-1] * self.inner**2, 2 * config.latents)
        self.widen = nn.Linear(config.latents, channels[-1] * self.inner**2)

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and logarithmic variances: (B, 3, S, S) float32 in [0, 1] to (B, latents) each."""
        mean, spread = self.narrow(self.down(4.0 * (pictures - 0.5)).flatten(1)).chunk(2, dim=1)
        return mean, spread.clamp(-12.0, 6.0)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures: (B, latents) to (B, 3, S, S) float32, mostly in [0, 1]."""
        found: Tensor = self.up(self.widen(latents).unflatten(1, self.deep)) + 0.5
        return found


def network(config: VaeConfig, seed: int) -> Vae:
    """Return an untrained network; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return Vae(config)


def blank(config: VaeConfig) -> Vae:
    """Return a network without weights (on torch's meta device): it takes no memory, and draws no random numbers."""
    with torch.device("meta"):
        return Vae(config)

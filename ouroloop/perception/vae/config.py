"""The settings of the variational autoencoder and its training; no torch."""

from __future__ import annotations

from pydantic import Field

from ouroloop.perception.config import CameraConfig
from ouroloop.protocols.records import Frozen


class VaeConfig(Frozen):
    """A beta-VAE (Higgins et al. 2017) that is shown a camera's pictures and gives them back as they were drawn.

    Args:
        image_px: side of the pictures that it is shown; a camera's are averaged or interpolated to this size.
        latents: numbers of a picture.
        width: channels of the first convolution; the next ones have twice and four times as many.
        beta: weight of the divergence from the prior, in the evidence bound of pixels with a standard deviation of 0.1.
        camera: takes the pictures.
        boards: positions drawn for the training.
        steps: optimiser steps; the number is fixed, so a seed gives one set of weights.
        batch: pictures per step.
        rate: peak learning rate.
        threads: torch's threads while training.
    """

    image_px: int = Field(default=64, ge=16, le=256, multiple_of=16)
    latents: int = Field(default=128, ge=1, le=4096)
    width: int = Field(default=16, ge=1, le=256)
    beta: float = Field(default=1.0, ge=0, le=1000)
    camera: CameraConfig = CameraConfig()
    boards: int = Field(default=8192, ge=1, le=1_000_000)
    steps: int = Field(default=1500, ge=1, le=1_000_000)
    batch: int = Field(default=64, ge=1, le=4096)
    rate: float = Field(default=2e-3, gt=0, le=1)
    threads: int = Field(default=1, ge=1, le=256)

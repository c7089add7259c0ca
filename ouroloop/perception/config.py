"""The settings of the board reader; no torch."""

from __future__ import annotations

from pydantic import Field

from ouroloop.protocols.records import Frozen


class ReaderConfig(Frozen):
    """The network and its training.

    Args:
        cell_px: side of a cell in the picture, in pixels.
        width: size of a token's vector.
        depth: transformer layers.
        heads: attention heads; divides `width`.
        boards: pictures drawn for training.
        steps: optimiser steps; the number is fixed, never cut short by the clock, so a seed gives one set of weights.
        batch_cells: cells per step, in whole boards and at least one, so that a step costs the same on every size.
        rate: peak learning rate.
        brightness: largest change of a picture's gain and offset in training, as a share of full scale.
        noise: largest standard deviation of the pixel noise in training, as a share of full scale.
        threads: torch's threads while training. The default is one, so that the weights do not depend on the number of
            cores, and because two are slower than one on a busy machine for a network this small.
    """

    cell_px: int = Field(default=8, ge=4, le=32)
    width: int = Field(default=48, ge=8, le=256)
    depth: int = Field(default=2, ge=1, le=8)
    heads: int = Field(default=2, ge=1, le=16)
    boards: int = Field(default=4096, ge=1, le=1_000_000)
    steps: int = Field(default=300, ge=1, le=1_000_000)
    batch_cells: int = Field(default=2304, ge=1, le=1_000_000)
    rate: float = Field(default=3e-3, gt=0, le=1)
    brightness: float = Field(default=0.15, ge=0, le=0.5)
    noise: float = Field(default=0.08, ge=0, le=0.5)
    threads: int = Field(default=1, ge=1, le=256)

"""The settings of cameras and of the board reader; no torch."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from ouroloop.protocols.records import Frozen

RANDOM_LOOK: Final = "random"
"""The look of a camera that draws each position in one of many looks."""


class CameraConfig(Frozen):
    """What a camera does to a picture. The default is a camera as one has it: not quite straight, sharp or quiet.

    Args:
        look: how the game is drawn: one of the game's looks, its first if empty, or `random`.
        cell_px: pixels of a cell in the picture; below 8, a drawing with 8 is averaged.
        rotation: degrees by which a picture is turned about its middle, to either side.
        shift: how far a picture is moved, in cells.
        blur: standard deviation of a Gaussian, in cells.
        colour: largest change of each channel's gain and offset, as a share of full scale.
        noise: standard deviation of each value's noise, as a share of full scale.
        jpeg: quality of JPEG, 1 to 95; 0 for none.
        occlusion: share of the picture that something hides.
        window: how many cells around the focus, the head in Snake, can be seen along rows and columns; 0 for all.
        scatter: draw each strength anew for each picture, from zero to the one given here.
    """

    look: str = ""
    cell_px: int = Field(default=8, ge=1, le=64)
    rotation: float = Field(default=1.0, ge=0, le=45)
    shift: float = Field(default=0.05, ge=0, le=2)
    blur: float = Field(default=0.08, ge=0, le=2)
    colour: float = Field(default=0.08, ge=0, le=1)
    noise: float = Field(default=0.06, ge=0, le=10)
    jpeg: int = Field(default=0, ge=0, le=95)
    occlusion: float = Field(default=0.0, ge=0, lt=1)
    window: int = Field(default=0, ge=0, le=128)
    scatter: bool = True

    @property
    def clean(self) -> bool:
        """Whether pictures are as they were drawn."""
        strengths = (self.rotation, self.shift, self.blur, self.colour, self.noise, self.occlusion)
        return not any(strengths) and not self.jpeg and not self.window


def perfect(**changes: Any) -> CameraConfig:
    """Return the settings of a camera that shows pictures as they were drawn, but for the given changes."""
    none = {key: 0.0 for key in ("rotation", "shift", "blur", "colour", "noise", "occlusion")}
    return CameraConfig.model_validate({**none, **changes})


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

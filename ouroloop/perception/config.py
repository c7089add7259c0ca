"""The settings of cameras and of the board reader; no torch."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, field_validator

from ouroloop.protocols.records import Frozen

MOST_PX: Final = 64
"""Most pixels along a side of a cell."""
MOST_BLUR: Final = 2.0
"""Largest blur, as the standard deviation of a Gaussian in cells."""
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
    cell_px: int = Field(default=8, ge=1, le=MOST_PX)
    rotation: float = Field(default=1.0, ge=0, le=45)
    shift: float = Field(default=0.05, ge=0, le=2)
    blur: float = Field(default=0.08, ge=0, le=MOST_BLUR)
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
    none = dict.fromkeys(("rotation", "shift", "blur", "colour", "noise", "occlusion"), 0.0)
    return CameraConfig.model_validate({**none, **changes})


def shaken(**changes: Any) -> CameraConfig:
    """Return the settings of a camera for training, worse than any whose pictures are to be read, but for the given changes."""
    strong = {"rotation": 3.0, "shift": 0.15, "blur": 0.13, "colour": 0.15, "noise": 0.1, "jpeg": 50, "window": 4}
    return CameraConfig.model_validate({**strong, "occlusion": 0.02, **changes})


class ReaderConfig(Frozen):
    """The reader's network and its training.

    Args:
        width: numbers of a cell's vector.
        depth: blocks over the grid of cells.
        sizes: sides of the boards that are trained on, in cells; none for the board of the task alone.
        cells: cells drawn on boards of each size, which the steps then use again and again in new looks.
        steps: optimiser steps; the number is fixed, never cut short by the clock, so a seed gives one set of weights.
        pretrain_steps: steps before them in which the network only learns to tell what hidden cells look like.
        masked: share of the cells that are hidden in those steps.
        batch_cells: cells per step, in whole boards and at least one, so that a step costs the same on every size.
        rate: peak learning rate.
        pool: random looks that are in use at a time, beside the named ones.
        redraw: steps after which other random looks take their place.
        named: share of the boards that are drawn in a named look.
        clean: share of the pictures that are left as they were drawn.
        cell_px: pixels of a cell in the pictures; one is drawn for each step, so repeat the frequent ones.
        camera: the largest effects on the other pictures. `look`, `cell_px` and `scatter` are not used: looks and resolutions
            are the keys above, and each strength is drawn anew for each picture.
        threads: torch's threads while training, beside one that draws the pictures. The default is one, so that the weights do
            not depend on the number of cores.
    """

    width: int = Field(default=64, ge=8, le=256)
    depth: int = Field(default=3, ge=1, le=8)
    sizes: tuple[int, ...] = (4, 6, 8, 10, 14, 20, 32, 64)
    cells: int = Field(default=131_072, ge=1, le=10_000_000)
    steps: int = Field(default=10_000, ge=1, le=1_000_000)
    pretrain_steps: int = Field(default=0, ge=0, le=1_000_000)
    masked: float = Field(default=0.4, gt=0, lt=1)
    batch_cells: int = Field(default=4096, ge=1, le=1_000_000)
    rate: float = Field(default=4e-3, gt=0, le=1)
    pool: int = Field(default=64, ge=1, le=4096)
    redraw: int = Field(default=8, ge=1, le=1_000_000)
    named: float = Field(default=0.3, ge=0, le=1)
    clean: float = Field(default=0.25, ge=0, le=1)
    cell_px: tuple[int, ...] = Field(default=(2, 3, 4, 5, 6, *[8] * 9, 12, 16), min_length=1)
    camera: CameraConfig = shaken()
    threads: int = Field(default=1, ge=1, le=256)

    @field_validator("cell_px")
    @classmethod
    def _can_be_drawn(cls, cell_px: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= px <= MOST_PX for px in cell_px):
            raise ValueError(f"cells have 1 to {MOST_PX} pixels a side")
        return cell_px

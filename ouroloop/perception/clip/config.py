"""The settings of the small CLIP and its training; no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ouroloop.perception.config import CameraConfig
from ouroloop.protocols.records import Frozen

States = Literal["caption", "json"]
"""How a state is told: in the sight's words, or as the game's JSON."""


class ClipConfig(Frozen):
    """A small CLIP for the boards of one task, and its training from scratch.

    A pooled vector must hold a whole board, so widths are not far below the cells times what a cell can be, in bits.

    Args:
        embed_dim: numbers of the joint space.
        vision_width: size of a patch's vector; a patch is a cell.
        vision_layers: transformer layers of the vision tower; looks drawn at random need two.
        text_width: size of a word's vector.
        text_layers: transformer layers of the text tower: one tells what stands at a place, one pools.
        heads: attention heads of both towers; divides both widths.
        mlp_ratio: width of a layer's perceptron, in widths of its tower.
        states: what an image is aligned with: captions of what it shows, or the state's JSON.
        camera: takes the pictures; `camera.look = "random"` draws them in many looks.
        boards: positions from which the training's boards are made; they change in every step.
        steps: optimiser steps; fixed, so that a seed gives one set of weights.
        groups: positions of a step.
        group: boards that are made of each: itself, and others that differ from it in one to three cells.
        rate: peak learning rate.
        bridge: weight of the losses that align images and texts with a table of the states' cells, beside CLIP's own.
        dense: weight of the loss by which phrases find their cells.
        threads: torch's threads while training; one by default, so that the weights do not depend on the number of cores.
    """

    embed_dim: int = Field(default=128, ge=8, le=1024)
    vision_width: int = Field(default=128, ge=8, le=1024)
    vision_layers: int = Field(default=1, ge=1, le=12)
    text_width: int = Field(default=128, ge=8, le=1024)
    text_layers: int = Field(default=2, ge=1, le=12)
    heads: int = Field(default=4, ge=1, le=16)
    mlp_ratio: float = Field(default=2.0, ge=0.5, le=8)
    states: States = "caption"
    camera: CameraConfig = CameraConfig()
    boards: int = Field(default=4096, ge=1, le=1_000_000)
    steps: int = Field(default=2000, ge=1, le=1_000_000)
    groups: int = Field(default=32, ge=1, le=4096)
    group: int = Field(default=4, ge=1, le=256)
    rate: float = Field(default=2e-3, gt=0, le=1)
    bridge: float = Field(default=2.0, ge=0, le=100)
    dense: float = Field(default=0.1, ge=0, le=100)
    threads: int = Field(default=1, ge=1, le=256)

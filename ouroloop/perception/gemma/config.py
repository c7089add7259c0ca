"""The settings of the small Gemma, and the card of a trained one; no torch."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import Field, model_validator

from ouroloop.perception.config import CameraConfig
from ouroloop.protocols.records import Frozen

CARD: Final = "gemma.json"
"""The file beside a checkpoint that says what we trained it for. Checkpoints of others have none."""

WEIGHTS: Final = "model.safetensors"
"""The file of weights of a checkpoint of ours."""

Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
"""The type of weights; `auto` is the checkpoint's own."""
Quantisation: TypeAlias = Literal["none", "4bit"]
Way: TypeAlias = Literal["parallel", "forced", "free"]
"""How a reply is made; see `asking`."""


class TowerConfig(Frozen):
    """The vision tower, a SigLIP: one patch per cell.

    Args:
        width: numbers of a patch's vector.
        depth: layers.
        heads: attention heads; divides `width`.
    """

    width: int = Field(default=64, ge=8, le=1024)
    depth: int = Field(default=2, ge=1, le=32)
    heads: int = Field(default=2, ge=1, le=16)


class TextConfig(Frozen):
    """The decoder. All of its layers attend globally.

    Args:
        width: numbers of a token's vector.
        depth: layers.
        heads: attention heads for queries; divides `width`.
        groups: heads for keys and values; divides `heads`.
        head_width: numbers of a head.
        inner: width of the perceptron's inside.
        rope_theta: base of the rotary embedding. It is low, because an answer's sign must find its own cell among neighbours:
            with Gemma's million most frequencies are too slow to tell one token from the next.
    """

    width: int = Field(default=96, ge=8, le=4096)
    depth: int = Field(default=4, ge=1, le=16)
    heads: int = Field(default=3, ge=1, le=32)
    groups: int = Field(default=1, ge=1, le=32)
    head_width: int = Field(default=32, ge=4, le=256, multiple_of=2)
    inner: int = Field(default=192, ge=8, le=16384)
    rope_theta: float = Field(default=100.0, gt=1, le=1e7)


class GemmaConfig(Frozen):
    """A small Gemma and its training from scratch.

    Args:
        tower: the part that sees.
        text: the part that answers.
        camera: takes the pictures of the training; its `cell_px` is the side of a patch.
        boards: positions drawn for the training.
        steps: optimiser steps; fixed, so that a seed gives one set of weights.
        batch: pictures per step to be read.
        played: pictures per step to be played; more, because moves are harder than boards, and their answers shorter.
        rate: peak learning rate.
        teacher: whose moves are learned; the game's teachers have names.
        smoothing: share of a move's weight that goes to all moves that the teacher rates as highly.
        doubt: share of the given signs of an answer that are exchanged at random. A sign is then learned from the picture
            rather than from the signs before it, and a parallel reply settles in fewer passes.
        disturbance: most random moves after a teacher's position.
        held_out: positions that measure the result.
        threads: torch's threads while training. The weights depend on their number.
    """

    tower: TowerConfig = TowerConfig()
    text: TextConfig = TextConfig()
    camera: CameraConfig = CameraConfig()
    boards: int = Field(default=32_768, ge=1, le=1_000_000)
    steps: int = Field(default=1200, ge=1, le=1_000_000)
    batch: int = Field(default=16, ge=1, le=4096)
    played: int = Field(default=64, ge=1, le=4096)
    rate: float = Field(default=3e-3, gt=0, le=1)
    teacher: str = "astar"
    smoothing: float = Field(default=1.0, ge=0, le=1)
    doubt: float = Field(default=0.5, ge=0, le=1)
    disturbance: int = Field(default=6, ge=0, le=64)
    held_out: int = Field(default=1024, ge=1, le=100_000)
    threads: int = Field(default=1, ge=1, le=256)

    @model_validator(mode="after")
    def _fit(self) -> GemmaConfig:
        """Refuse widths that no number of heads divides."""
        for name, whole, part in (
            ("tower.width", self.tower.width, self.tower.heads),
            ("text.width", self.text.width, self.text.heads),
            ("text.heads", self.text.heads, self.text.groups),
        ):
            if whole % part:
                raise ValueError(f"{name} is {whole}, expected a multiple of {part}")
        return self


class Questions(Frozen):
    """What a model is asked.

    Args:
        board: for the board as JSON.
        move: for a move.
    """

    board: str = Field(max_length=4000)
    move: str = Field(max_length=4000)


class GemmaCard(Frozen):
    """The contents of `gemma.json`: what a checkpoint of ours was trained for, and how well it does.

    Args:
        task: name of the game.
        side: cells per side of its boards.
        seed: of the training.
        parameters: numbers in the model.
        questions: those that it was trained on; it knows no others.
        exact: share of held-out boards read exactly from clean pictures.
        exact_seen: the same from pictures of the training's camera.
        alive: share of moves that do not lose at once, in clean pictures of positions with such a move.
        sha256: of the weights file.
        config: of the training.
    """

    format: Literal["ouroloop-gemma/1"] = "ouroloop-gemma/1"
    task: str
    side: int = Field(ge=1, le=128)
    seed: int
    parameters: int
    questions: Questions
    exact: float
    exact_seen: float
    alive: float
    sha256: str
    config: GemmaConfig

"""The settings of supervised fine-tuning."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ouroloop.policy.settings import LoraSettings, Quantisation, Shape


class SftConfig(BaseModel):
    """Settings of `fit_sft`; the defaults suit a 6x6 board.

    `encoding` names one of the game's; empty, it is the first. `noise` is the share of the teacher's played moves that are
    replaced by other sensible moves; `smoothing` is the share of the target that such moves get; `equals` spreads the rest
    over all moves that the teacher holds to be equally good; `symmetry` turns and mirrors each position at random. The steps
    have `dagger` equal parts; after each but the last, `dagger_positions` of the student's own games join the lessons. In
    them, the teacher makes a share `mixing` of the first round's moves, half as many in the next, and so on. `curve` is the
    number of points of the learning curve, `checkpoint` the number of steps between checkpoints; 0 for none. A batch goes
    through the model in `pieces`, doubled if memory runs out.

    A new policy is a Snake-GPT of `shape`, or, if `base` names one, any causal model from Hugging Face: with the adapter
    `lora`, or without it and with all weights trained; quantised; and with the game's `hint` in the prompt. With `device`
    "cuda" the model computes in bfloat16, and its weights stay in float32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str = ""
    teacher: str = "cycle"
    steps: int = Field(default=600, ge=1)
    batch: int = Field(default=256, ge=1)
    pieces: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    schedule: Literal["cosine", "linear"] = "cosine"
    weight_decay: float = Field(default=0.01, ge=0)
    positions: int = Field(default=30_000, ge=1)
    noise: float = Field(default=0.02, ge=0, le=1)
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    equals: bool = True
    symmetry: bool = False
    dagger: int = Field(default=1, ge=1, le=64)
    dagger_positions: int = Field(default=10_000, ge=1)
    mixing: float = Field(default=0.5, ge=0, le=1)
    curve: int = Field(default=0, ge=0, le=1000)
    checkpoint: int = Field(default=0, ge=0)
    shape: Shape = Shape()
    base: str = ""
    lora: LoraSettings | None = None
    quantisation: Quantisation = "none"
    hint: bool = False
    device: Literal["cpu", "cuda"] = "cpu"

"""A recipe's settings of a policy's model, whatever trains it; no torch."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from ouroloop.protocols.records import Frozen

Quantisation: TypeAlias = Literal["none", "int8", "nf4"]
"""How the linear layers store their weights: unchanged, in 8 bits (Dettmers et al. 2022), or in 4-bit NormalFloat."""


class Shape(Frozen):
    """Width and depth of a Snake-GPT; the defaults learn fastest per CPU second on small boards."""

    hidden: int = Field(default=64, ge=16, le=1024, multiple_of=16)
    layers: int = Field(default=2, ge=1, le=24)
    heads: int = Field(default=4, ge=1, le=16)
    intermediate: int = Field(default=128, ge=16, le=4096)

    @model_validator(mode="after")
    def _divisible(self) -> Shape:
        """Give every head the same even width, as rotary embeddings need it."""
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden {self.hidden} cannot be divided among {self.heads} heads of the same even width")
        return self


class LoraSettings(Frozen):
    """An adapter: the weights W of the chosen layers become W + (alpha / rank) B A; B is 0 at the start.

    `alpha` is twice the rank unless it is given. `targets` is PEFT's `all-linear` (every linear layer but the output), or a
    list of suffixes of layer names.
    """

    rank: int = Field(default=16, ge=1, le=512)
    alpha: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"

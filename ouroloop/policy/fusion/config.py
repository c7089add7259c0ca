"""The settings of fusion: how latents become tokens of a policy, and which weights a training changes. No torch."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import Field

from ouroloop.policy.settings import LoraSettings
from ouroloop.protocols.records import Frozen

Stage: TypeAlias = Literal["projector", "lora", "all"]
"""What a training changes: the projector alone; with an adapter on the body; or every weight. Never the eye."""
MOST_TOKENS: Final = 256
"""The most tokens that a picture may take in a prompt."""


class FusionConfig(Frozen):
    """How a policy reads latents.

    Args:
        stage: what a training changes.
        body: a trained Snake-GPT, by name or directory, with whose weights a new policy begins; a new body if empty.
        tokens: most tokens of a picture; a larger grid of latents is folded, 2x2 latents into one, as often as needed.
        spread: tokens per latent; more than one suits an eye that gives a single latent of many numbers.
        projector: width of the projector's hidden layer.
        mutual: let the tokens of a picture attend to each other in both directions.
        readout: weight of the auxiliary loss: the board's cells and the focus, read back from latents and states; 0 for none.
        lora: the adapter of the stage `lora`.
    """

    stage: Stage = "all"
    body: str = ""
    tokens: int = Field(default=MOST_TOKENS, ge=1, le=MOST_TOKENS)
    spread: int = Field(default=1, ge=1, le=MOST_TOKENS)
    projector: int = Field(default=128, ge=8, le=8192)
    mutual: bool = True
    readout: float = Field(default=0.3, ge=0, le=100)
    lora: LoraSettings = LoraSettings()

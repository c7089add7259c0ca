"""What the prompt of a seeing policy consists of, as numbers alone. No torch.

A prompt has an opening id, the latents of a picture row by row, each as `ids_each` ids, and a closing id that carries what no
picture shows. The model makes of them an opening embedding, one embedding per token of the picture, and a closing one, after
which it answers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Self

from pydantic import Field, model_validator

from ouroloop.policy.fusion.config import MOST_TOKENS, FusionConfig
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Frozen

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Sight

NUMBERS: Final = 3
"""Numbers that one id holds, each as a byte."""
MOST_IDS: Final = 1 << 20
"""The most ids of a prompt."""


class Layout(Frozen):
    """The form of prompts, and of the layers that read them.

    Args:
        rows: of the grid of latents.
        columns: likewise.
        width: numbers of a latent.
        shuffle: how often 2x2 latents are folded into one, of four times as many numbers.
        spread: tokens that one folded latent becomes.
        memory: numbers that no picture shows.
        inner: width of the projector's hidden layer.
        mutual: whether the tokens of a picture attend to each other in both directions.
        side: cells per side of the board.
        classes: kinds of cell.
    """

    rows: int = Field(ge=1, le=1024)
    columns: int = Field(ge=1, le=1024)
    width: int = Field(ge=1, le=8192)
    shuffle: int = Field(ge=0, le=10)
    spread: int = Field(ge=1, le=MOST_TOKENS)
    memory: int = Field(ge=0, le=64)
    inner: int = Field(ge=1, le=65_536)
    mutual: bool
    side: int = Field(ge=1, le=1024)
    classes: int = Field(ge=1, le=1024)

    @model_validator(mode="after")
    def _small(self) -> Self:
        """Hold the prompts to a size that a model can read."""
        if self.tokens > MOST_TOKENS or self.prompt > MOST_IDS:
            raise ValueError(f"{self.tokens} tokens and {self.prompt} ids a prompt, at most {MOST_TOKENS} and {MOST_IDS}")
        if self.shuffle and 2 ** (self.shuffle - 1) >= max(self.rows, self.columns):
            raise ValueError(f"a grid of {self.rows}x{self.columns} cannot be folded {self.shuffle} times")
        return self

    @property
    def ids_each(self) -> int:
        """Ids of one latent."""
        return -(-self.width // NUMBERS)

    @property
    def written(self) -> int:
        """Ids of all latents."""
        return self.rows * self.columns * self.ids_each

    @property
    def carried(self) -> int:
        """Ids of what no picture shows."""
        return -(-self.memory // NUMBERS)

    @property
    def prompt(self) -> int:
        """Ids of a prompt: the opening, the latents, what no picture shows, and the closing."""
        return self.written + self.carried + 2

    @property
    def folded(self) -> tuple[int, int]:
        """Rows and columns of the grid after folding."""
        return -(-self.rows // 2**self.shuffle), -(-self.columns // 2**self.shuffle)

    @property
    def folded_width(self) -> int:
        """Numbers of a folded latent."""
        return int(self.width * 4**self.shuffle)

    @property
    def tokens(self) -> int:
        """Tokens of a picture."""
        return math.prod(self.folded) * self.spread

    @property
    def length(self) -> int:
        """Embeddings of a prompt: the opening, the tokens of the picture, and the closing."""
        return self.tokens + 2

    @property
    def focused(self) -> bool:
        """Whether the tokens are places of a grid, of which one is the picture's focus."""
        return self.spread == 1 and self.tokens > 1

    @property
    def aligned(self) -> bool:
        """Whether each latent is one of the board's cells."""
        return (self.rows, self.columns, self.spread) == (self.side, self.side, 1)


def layout_of(grid: tuple[int, int], width: int, sight: Sight, config: FusionConfig) -> Layout:
    """Return the layout for an eye's grid of latents.

    Args:
        grid: its rows and columns.
        width: numbers of a latent.
        sight: what the pictures show.
        config: the settings.

    Raises:
        UsageError: the latents become too many tokens even if the whole grid is folded into one.
    """
    rows, columns = grid
    room, shuffle = config.tokens // config.spread, 0
    while room and math.prod(-(-side // 2**shuffle) for side in grid) > room:
        shuffle += 1
    if not room:
        raise UsageError(f"fusion.spread {config.spread} is more than fusion.tokens {config.tokens}: lower it, or raise that")
    try:
        return Layout(
            rows=rows,
            columns=columns,
            width=width,
            shuffle=shuffle,
            spread=config.spread,
            memory=len(sight.unseen),
            inner=config.projector,
            mutual=config.mutual,
            side=sight.side,
            classes=sight.classes,
        )
    except ValueError as error:
        raise UsageError(
            f"latents of {width} numbers in a grid of {rows}x{columns} are more than a policy can read: take a smaller eye"
        ) from error

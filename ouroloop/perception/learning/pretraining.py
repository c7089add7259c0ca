"""Masked pre-training: some cells are hidden, and the network learns to tell what they look like from the cells around them.

It needs no labels, so it also serves games whose pictures nobody has described (as in SimMIM, Xie et al. 2022, which predicts
raw pixels with one linear layer). What is predicted of a cell is the mean colour of each of its quarters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from ouroloop.perception.cellnet import CELL_PX, CellNet, initialise, prepared
from ouroloop.perception.learning.fitting import descend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.perception.config import ReaderConfig
    from ouroloop.perception.learning.lessons import Lesson

QUARTERS: Final = 12
"""Numbers that are predicted of a cell: three colours of four quarters."""
HIDDEN: Final = 128
"""The grey of a hidden cell."""


def pretrain(
    model: CellNet,
    lessons: Iterator[Lesson],
    config: ReaderConfig,
    generator: torch.Generator,
    tell: Callable[[float, dict[str, float]], None],
) -> dict[str, float]:
    """Train the network in place for `config.pretrain_steps` steps; return the mean loss of the last ones.

    The loss is the mean squared error of colours, in units of a quarter of full scale, over the hidden cells alone.
    """
    guess = nn.Linear(config.width, QUARTERS, device="meta")
    initialise(guess, generator)

    def losses() -> Iterator[dict[str, Tensor]]:
        for lesson in lessons:
            hidden = torch.rand(lesson.classes.shape, generator=generator) < config.masked
            wanted = quarters(lesson.straight)
            found = guess(model.vectors(prepared(masked(lesson.straight, hidden.numpy()))))
            off = (found - wanted).square().mean(-1)
            yield {"masked": (off * hidden).sum() / hidden.sum().clamp(min=1)}

    learned = [
        *(weight for name, weight in model.named_parameters() if not name.startswith(("lattice", "head"))),
        *guess.parameters(),
    ]
    return descend(learned, losses(), config.pretrain_steps, config.rate, tell)


def masked(pixels: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 with the cells of `hidden`, (B, rows, columns), in grey."""
    out = pixels.copy()
    out[hidden.repeat(CELL_PX, 1).repeat(CELL_PX, 2)] = HIDDEN
    return out


def quarters(pixels: NDArray[np.uint8]) -> Tensor:
    """Return the mean colours of each cell's quarters: (B, H, W, 3) uint8 to (B, rows, columns, 12) in [-2, 2]."""
    batch, height, width, _ = pixels.shape
    rows, columns, half = height // CELL_PX, width // CELL_PX, CELL_PX // 2
    cut = torch.from_numpy(pixels).view(batch, rows, 2, half, columns, 2, half, 3).float().mean((3, 6))
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(batch, rows, columns, QUARTERS).mul_(4 / 255).sub_(2.0)

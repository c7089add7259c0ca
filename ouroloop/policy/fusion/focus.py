"""The focus of a picture: the place from which a player looks, in Snake the head's. The other places are counted from it.

A move depends on where things lie as seen from the head. Text says so in its words; a grid of latents does not, and a small
model takes thousands of steps to find it out by attention. So the model looks for the focus itself, which the auxiliary loss
teaches it, and gives each place an embedding for its distance from there, beside that of its row and column.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.fusion.layout import Layout


class Focus(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Finds the focus of a grid, and says where each place lies as seen from there."""

    def __init__(self, grid: tuple[int, int], inner: int, hidden: int) -> None:
        """Build the layers.

        Args:
            grid: rows and columns of the grid.
            inner: numbers of what is known of a place.
            hidden: width of an embedding.
        """
        super().__init__()
        rows, columns = self.grid = grid
        self.find = nn.Linear(inner, 1)
        self.around = nn.Embedding((2 * rows - 1) * (2 * columns - 1), hidden)
        self.here = nn.Embedding(rows * columns, hidden)

    def forward(self, inner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return where the focus may be, each place as seen from there, and the focus itself.

        Args:
            inner: (B, T, inner), what is known of each place.

        Returns:
            logits (B, T), and embeddings (B, T, hidden) and (B, hidden), which are means over where the focus may be.
        """
        logits = self.find(inner)[..., 0]
        chances = logits.softmax(dim=1)
        table = self.around(_steps(*self.grid, str(inner.device)))
        around = (chances @ table.flatten(1)).unflatten(1, table.shape[1:])
        return logits, around, chances @ self.here.weight


@lru_cache(maxsize=8)
def _steps(rows: int, columns: int, device: str) -> Tensor:
    with torch.inference_mode(False):  # or a training could not use what a player made
        return torch.from_numpy(steps_between(rows, columns)).to(device)


def steps_between(rows: int, columns: int) -> NDArray[np.int64]:
    """Return the number of the step from each place to each other: (T, T) int64, below (2 rows - 1) (2 columns - 1)."""
    row, column = np.divmod(np.arange(rows * columns, dtype=np.int64), columns)
    down, right = row[None] - row[:, None] + rows - 1, column[None] - column[:, None] + columns - 1
    return np.asarray(down * (2 * columns - 1) + right)


def places_of(cells: NDArray[np.int64], layout: Layout) -> NDArray[np.int64]:
    """Return the places of a grid in which cells of the board lie: (B,) int64 to (B,) int64."""
    _, columns = layout.folded
    row, column = np.divmod(cells, layout.side)
    down = ((row + 0.5) * layout.rows / layout.side).astype(np.int64) >> layout.shuffle
    right = ((column + 0.5) * layout.columns / layout.side).astype(np.int64) >> layout.shuffle
    return np.asarray(down * columns + right)

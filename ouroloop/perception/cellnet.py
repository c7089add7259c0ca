"""The reader's network: a convolution over each cell's pixels, then depthwise blocks over the grid of cells.

The cells of the picture are the patches of the network, because vision-language models read a grid badly whose cells lie across
their patches (Grid2Matrix, arXiv 2604.09687). No part knows how large a board is: the cost is linear in the number of cells,
and one set of weights serves every board. Each block is a ConvNeXt block (Liu et al. 2022) that is also told what kinds of
cells the board has, through a few pooled vectors (as in Set Transformers, Lee et al. 2019): which of two flat colours is the
ground, and which the snake, follows from the whole board, not from a cell and its neighbours.

Pictures are turned back before they are classified. How far is said by `Lattice`, a smaller network of the same kind: it tells,
for each cell, how far what the cell shows lies from its place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_PX: Final = 8
"""Pixels along a side of a cell in the pictures that the network takes."""
RING_PX: Final = 3
"""Pixels around a cell that its patch holds too."""
EDGES: Final = 16
"""Channels of the first convolution."""
KINDS: Final = 8
"""Kinds of cells of which a board's cells are told."""
NOTES: Final = 16
"""Numbers that are told of each kind."""
LATTICE_EDGES: Final = 12
LATTICE_WIDTH: Final = 32


class Patches(nn.Module):  # type: ignore[misc]
    """Turns each cell's patch of 14 x 14 pixels into a vector: two convolutions, the first over 4 x 4 pixels."""

    def __init__(self, edges: int, width: int) -> None:
        """Build the two convolutions, of `edges` and `width` channels."""
        super().__init__()
        self.edges = nn.Conv2d(3, edges, 4, stride=2)
        self.cells = nn.Conv2d(edges, width, 6, stride=4)
        self.norm = nn.LayerNorm(width)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return vectors (B, rows, columns, width) of pictures, as `prepared` gives them."""
        found = self.cells(functional.gelu(self.edges(pictures)))
        normed: Tensor = self.norm(found.permute(0, 2, 3, 1))
        return normed


class Board(nn.Module):  # type: ignore[misc]
    """Tells every cell what kinds of cells the board has: for each of a few kinds, a mean over its cells and its share.

    The network draws up the kinds itself, and each cell belongs to each kind to some degree.
    """

    def __init__(self, width: int) -> None:
        """Build the layer for vectors of `width` numbers; it answers with twice as many."""
        super().__init__()
        self.kinds = nn.Linear(width, KINDS)
        self.notes = nn.Linear(width, NOTES)
        self.tell = nn.Linear(KINDS * (NOTES + 1), 2 * width, bias=False)

    def forward(self, cells: Tensor) -> Tensor:
        """Return what all cells of a board are told: (B, rows, columns, width) to (B, 1, 1, 2 * width)."""
        degrees = self.kinds(cells).sigmoid().flatten(1, 2)
        sums = degrees.transpose(1, 2) @ self.notes(cells).flatten(1, 2)
        means = sums / (degrees.sum(1)[..., None] + 1e-3)
        told: Tensor = self.tell(torch.cat([means.flatten(1), degrees.mean(1)], dim=1))
        return told[:, None, None]


class Block(nn.Module):  # type: ignore[misc]
    """Mixes each cell with its eight neighbours, then with what it is told of the board, then its own channels."""

    def __init__(self, width: int, *, told: bool = True) -> None:
        """Build the block for vectors of `width` numbers; without `told` it knows nothing of the rest of the board."""
        super().__init__()
        self.neighbours = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.board = Board(width) if told else None
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, cells: Tensor) -> Tensor:
        """Return the next vectors: (B, rows, columns, width) to the same shape."""
        mixed = self.norm(self.neighbours(cells.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        wide = self.widen(mixed)
        if self.board is not None:
            wide = wide + self.board(mixed)
        return cells + self.narrow(functional.gelu(wide))


class Lattice(nn.Module):  # type: ignore[misc]
    """Tells how far what a cell shows lies below its place and right of it, as two points on the unit circle.

    A distance of one cell is once around the circle, since a lattice that is moved by a cell is the same lattice. The network
    is trained by the squared error. Its answer is therefore the mean over all distances that the pixels allow, and lies the
    nearer to the circle's middle the less they say. It knows nothing of the rest of the board: it would answer how the board
    lies as a whole, where the differences between its cells tell the turn.
    """

    def __init__(self) -> None:
        """Build the network."""
        super().__init__()
        self.patches = Patches(LATTICE_EDGES, LATTICE_WIDTH)
        self.block = Block(LATTICE_WIDTH, told=False)
        self.head = nn.Linear(LATTICE_WIDTH, 4)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (B, rows, columns, 4) of `prepared` pictures: cosine and sine of the way down, then of the way right."""
        phases: Tensor = self.head(self.block(self.patches(pictures)))
        return phases


class CellNet(nn.Module):  # type: ignore[misc]
    """Gives each cell of a picture its class; its last vectors, standardised, are the picture's latents."""

    latent_mean: Tensor
    latent_scale: Tensor

    def __init__(self, classes: int, width: int, depth: int) -> None:
        """Build the network for `classes` kinds of cells, with `depth` blocks of `width` channels."""
        super().__init__()
        self.lattice = Lattice()
        self.patches = Patches(EDGES, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        self.register_buffer("latent_mean", torch.zeros(width))
        self.register_buffer("latent_scale", torch.ones(width))

    def vectors(self, pictures: Tensor) -> Tensor:
        """Return the last vectors of `prepared` pictures: (B, rows, columns, width)."""
        found: Tensor = self.norm(self.blocks(self.patches(pictures)))
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the class logits of each cell: (B, rows, columns, classes)."""
        logits: Tensor = self.head(self.vectors(pictures))
        return logits

    def latents(self, pictures: Tensor) -> Tensor:
        """Return the vectors with mean 0 and deviation 1 over boards as in training, cut at 4: (B, rows, columns, width)."""
        return ((self.vectors(pictures) - self.latent_mean) * self.latent_scale).clamp(-4, 4)


def build(classes: int, width: int, depth: int) -> CellNet:
    """Return a network without weights (on torch's meta device); building it draws no random numbers."""
    with torch.device("meta"):
        return CellNet(classes, width, depth)


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draw initial weights in place: matrices and filters are normal with variance 1/fan_in, norms one, biases zero."""
    model.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, 1.0 / math.sqrt(math.prod(weight.shape[1:])), generator=generator)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
        for name, kept in model.named_buffers():
            kept.fill_(0.0 if name.endswith("mean") else 1.0)


def prepared(pixels: NDArray[np.uint8]) -> Tensor:
    """Return pictures for the network: (B, H, W, 3) uint8 to (B, 3, H + 6, W + 6) float32 in [-2, 2], channels last in memory.

    The ring around a picture repeats its border, as the camera does beyond it.
    """
    ring = (RING_PX, RING_PX)
    padded = torch.from_numpy(np.pad(pixels, ((0, 0), ring, ring, (0, 0)), mode="edge"))
    return padded.float().mul_(4 / 255).sub_(2.0).permute(0, 3, 1, 2)

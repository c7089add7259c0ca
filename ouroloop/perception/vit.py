"""The built-in encoder: a small vision transformer (Dosovitskiy et al. 2021) with one patch and one answer per cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Block(nn.Module):  # type: ignore[misc]
    """A pre-norm transformer layer: attention over all cells, then a two-layer perceptron per cell."""

    def __init__(self, width: int, heads: int) -> None:
        """Build the layer for tokens of `width` floats and `heads` attention heads."""
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.before_mlp = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the next layer's tokens: (B, C, width) to (B, C, width)."""
        batch, cells, width = tokens.shape
        qkv = self.qkv(self.before_attention(tokens)).view(batch, cells, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, cells, width)
        tokens = tokens + self.project(mixed)
        return tokens + self.narrow(functional.gelu(self.widen(self.before_mlp(tokens))))


class CellVit(nn.Module):  # type: ignore[misc]
    """Turns each cell's patch into a token; a linear head gives each cell's class, and the mean token is the latent."""

    def __init__(self, size: int, classes: int, cell_px: int, width: int, depth: int, heads: int) -> None:
        """Build the network for `size` cells a side, drawn at `cell_px` pixels a cell, and `classes` classes of cells."""
        super().__init__()
        self.embed = nn.Linear(3 * cell_px * cell_px, width)
        self.position = nn.Parameter(torch.empty(size * size, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def tokens(self, patches: Tensor) -> Tensor:
        """Return the last layer's tokens of patches (B, C, 3 * cell_px**2) float32 in about [-2, 2]: (B, C, width)."""
        tokens: Tensor = self.norm(self.blocks(self.embed(patches) + self.position))
        return tokens

    def forward(self, patches: Tensor) -> Tensor:
        """Return class logits per cell: (B, C, classes)."""
        logits: Tensor = self.head(self.tokens(patches))
        return logits


def build(size: int, classes: int, cell_px: int, width: int, depth: int, heads: int) -> CellVit:
    """Return a network without weights (on torch's meta device); building it draws no random numbers."""
    with torch.device("meta"):
        return CellVit(size, classes, cell_px, width, depth, heads)


def initialise(model: CellVit, generator: torch.Generator) -> CellVit:
    """Draw a network's initial weights: matrices are normal with variance 1/fan_in, norms one, biases zero."""
    model.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name == "position":
                weight.normal_(0.0, 0.02, generator=generator)
            elif weight.ndim == 2:
                weight.normal_(0.0, 1.0 / math.sqrt(weight.shape[1]), generator=generator)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
    return model


def patchify(pixels: NDArray[np.uint8], cell_px: int) -> Tensor:
    """Return pictures cut into cells: (B, H, W, 3) uint8 to (B, H/cell_px * W/cell_px, 3 * cell_px**2) float32 in [0, 1]."""
    batch, height, width, channels = pixels.shape
    rows, columns = height // cell_px, width // cell_px
    cut = torch.from_numpy(pixels).view(batch, rows, cell_px, columns, cell_px, channels).transpose(2, 3)
    return cut.reshape(batch, rows * columns, channels * cell_px * cell_px).float().div_(255.0)


def normalise(patches: Tensor) -> Tensor:
    """Return patches in [0, 1] centred and scaled for the network, in place."""
    return patches.sub_(0.5).mul_(4.0)

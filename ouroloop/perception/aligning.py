"""How a picture lies: its turn and its shift, fitted to what the lattice network says of each cell, and undone.

A camera turns boards by a few degrees. On a board of 64 cells a side, one degree moves the cells at the edge by half a cell, so
that a reader of straight boards would read their neighbours. What the network tells of a cell is known up to whole cells alone.
But all cells share one turn and one shift: of all turns within `REACH`, the best one is looked up on a grid as fine as the
board demands. A small turn moves a cell down by an amount that depends on its column alone, and right by one that depends on
its row alone. So sums over columns and rows are enough, and the cost is linear in the number of cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.perception.cellnet import CELL_PX
from ouroloop.perception.optics import turned

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH: Final = math.radians(5.0)
"""Largest turn that is looked for."""
STEP: Final = 0.02
"""How far two neighbouring turns of the grid move the outermost cells apart, in cells."""
USUAL_TURN: Final = math.radians(1.0)
"""Turns much above it need evidence: the score falls by one half of the square of a turn in these units."""
STILL: Final = 12.0
"""How many sure cells' evidence a shift of zero has from the start."""
SURE: Final = 3
"""An answer counts by this power of its length besides: a thousand cells of bare ground must not outvote a snake."""
SLIGHT: Final = 0.04
"""A picture whose outermost cells lie within this distance of their places, in cells, is left as it is."""


@dataclass(frozen=True, slots=True)
class Poses:
    """How B pictures lie: what belongs at place p from the middle, (y, x) in cells, is found at R^T (p + shift).

    Here R = [[cos, -sin], [sin, cos]] of the angle, which is `optics.turned` by this angle and then by R^T shift.

    Args:
        angles: (B,) float64, radians.
        down: (B,) float64, the shift in cells.
        right: (B,) float64, the shift in cells.
    """

    angles: NDArray[np.float64]
    down: NDArray[np.float64]
    right: NDArray[np.float64]


def offsets(poses: Poses, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far below and right of its place the content of each cell lies: twice (B, side, side), in cells."""
    middle = np.arange(side) - (side - 1) / 2
    y, x = middle[None, :, None], middle[None, None, :]
    sine, lost = np.sin(poses.angles)[:, None, None], 1 - np.cos(poses.angles)[:, None, None]
    down = lost * y + sine * x + poses.down[:, None, None]
    right = lost * x - sine * y + poses.right[:, None, None]
    return down, right


def fitted(phases: NDArray[np.float32]) -> Poses:
    """Return the poses that agree best with the lattice network's answers, (B, side, side, 4).

    Each answer counts by its length, the network's confidence; see `SURE`. One that is not finite says nothing, as a stranger's
    weights can be so large that their products overflow.
    """
    side = phases.shape[1]
    down_by_column = _weighted(phases[..., 0], phases[..., 1]).sum(1)
    right_by_row = _weighted(phases[..., 2], phases[..., 3]).sum(2)
    half = max(1, math.ceil(REACH * side / 2 / STEP))
    angles = REACH * np.arange(-half, half + 1) / half
    turns = np.exp(-2j * np.pi * np.sin(angles)[:, None] * (np.arange(side) - (side - 1) / 2))
    down, right = down_by_column @ turns.T + STILL, right_by_row @ turns.conj().T + STILL
    score = np.abs(down) + np.abs(right) - 0.5 * (angles / USUAL_TURN) ** 2
    best, rows = score.argmax(1), np.arange(len(phases))
    found = Poses(angles[best], _cells(down[rows, best]), _cells(right[rows, best]))
    return _without_slight(found, side)


def _weighted(cosines: NDArray[np.float32], sines: NDArray[np.float32]) -> NDArray[np.complex128]:
    """Return answers as complex numbers, each made shorter the less sure it is; zero for one that is not finite."""
    says = np.isfinite(cosines) & np.isfinite(sines)
    answers = np.where(says, cosines, 0) + 1j * np.where(says, sines, 0).astype(np.float64)
    return np.asarray(answers * np.minimum(np.abs(answers), 1) ** SURE)


def _cells(around: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return how far around the circle numbers lie, as distances in cells from -0.5 to 0.5."""
    return np.asarray(np.angle(around) / (2 * np.pi), np.float64)


def _without_slight(poses: Poses, side: int) -> Poses:
    """Return the poses with zeros for pictures that lie almost straight: turning them would only blur them."""
    far = np.abs(poses.angles) * side / 2 + np.hypot(poses.down, poses.right)
    moved = far > SLIGHT
    return Poses(*(np.where(moved, part, 0.0) for part in (poses.angles, poses.down, poses.right)))


def straightened(pixels: NDArray[np.uint8], poses: Poses) -> NDArray[np.uint8]:
    """Return pictures (B, H, W, 3) uint8 of `CELL_PX` pixels a cell, turned back and moved to their places."""
    return turned(pixels, -poses.angles, -CELL_PX * poses.down, -CELL_PX * poses.right)

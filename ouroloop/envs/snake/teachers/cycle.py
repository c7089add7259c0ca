"""The Hamiltonian cycle of even boards: down the rows, back and forth, and home along the first column."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=16)
def positions_on_cycle(size: int) -> NDArray[np.int32]:
    """Return (N,) int32, each cell's position on the cycle; empty if the side is odd, since no such cycle exists then."""
    if size % 2:
        return np.zeros(0, np.int32)
    cells = np.arange(size * size).reshape(size, size)
    rows = [cells[row, 1:] if row % 2 == 0 else cells[row, :0:-1] for row in range(size)]
    tour = np.concatenate([cells[0, :1], *rows, cells[:0:-1, 0]])
    order = np.empty(size * size, np.int32)
    order[tour] = np.arange(size * size, dtype=np.int32)
    order.setflags(write=False)
    return order

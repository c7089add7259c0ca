"""Latents as ids. A number within [-4, 4] becomes a byte, three bytes become an id beyond the vocabulary. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.policy.fusion.layout import NUMBERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH: Final = 4.0
"""Numbers beyond it are written as if they were it."""
LEVELS: Final = 256
OPENING, CLOSING = LEVELS**NUMBERS, LEVELS**NUMBERS + 1
"""Places after the written numbers, counted from the end of the vocabulary."""


def written(latents: NDArray[np.float32], first: int) -> NDArray[np.int32]:
    """Return latents as ids: (..., W) numbers to (..., ceil(W / 3)) int32, at least `first`.

    Args:
        latents: what to write; a number that is not finite counts as 0.
        first: the size of the vocabulary.
    """
    finite = np.nan_to_num(np.asarray(latents, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    levels = np.rint((np.clip(finite, -REACH, REACH) + REACH) * ((LEVELS - 1) / (2 * REACH))).astype(np.int32)
    missing = -levels.shape[-1] % NUMBERS
    if missing:
        levels = np.concatenate([levels, np.zeros((*levels.shape[:-1], missing), np.int32)], axis=-1)
    triples = levels.reshape(*levels.shape[:-1], -1, NUMBERS)
    return np.asarray((triples[..., 0] * LEVELS + triples[..., 1]) * LEVELS + triples[..., 2] + first, dtype=np.int32)


def read(ids: NDArray[np.int32], width: int, first: int) -> NDArray[np.float32]:
    """Return what ids say: (..., ceil(W / 3)) int32 to (..., W) float32, within 1/63 of what was written."""
    packed = np.asarray(ids, np.int32) - first
    levels = np.stack([packed >> 16, packed >> 8 & (LEVELS - 1), packed & (LEVELS - 1)], axis=-1)
    flat = levels.reshape(*levels.shape[:-2], -1)[..., :width]
    return np.asarray(flat * (2 * REACH / (LEVELS - 1)) - REACH, dtype=np.float32)


def scaled(values: NDArray[np.generic], unit: float) -> NDArray[np.float32]:
    """Return numbers of any size within (-4, 4), in the same order: (...,) to (...,) float32; `unit` becomes 2."""
    numbers = np.asarray(values, np.float32)
    return np.asarray(REACH * numbers / (np.abs(numbers) + np.float32(unit)), dtype=np.float32)

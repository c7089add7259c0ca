"""A curve in a word: a block for each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
MOST: Final = 24


def sparkline(values: Sequence[float], most: int = MOST) -> str:
    """Return blocks whose heights show values, from the least to the greatest; of many values, some at equal distances."""
    if len(values) > most:
        values = [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]
    if not values:
        return ""
    low, span = min(values), max(values) - min(values)
    return "".join(BLOCKS[round((len(BLOCKS) - 1) * (value - low) / span) if span else 0] for value in values)

"""The moves of games as a short text: turns, one byte each, compressed by LZMA, in base64.

A turn is a move seen from the one before it (0 straight on, 1 right, 2 back, 3 left), since most moves go straight on and the
same figures recur in all four directions. A game's first move is seen from `up`.
"""

from __future__ import annotations

import base64
import lzma
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

CLOCKWISE: Final = np.array([0, 2, 3, 1], np.uint8)
"""Quarter turns from `up` to up, down, left and right."""
MOVE: Final = np.argsort(CLOCKWISE).astype(np.uint8)
"""The move after so many quarter turns."""


def pack(games: Sequence[NDArray[np.uint8]]) -> str:
    """Return the moves of games, each (T,) uint8 below 4, as text. The games' lengths are not in it."""
    data = b"".join(_turns(game).tobytes() for game in games)
    return base64.b64encode(lzma.compress(data, check=lzma.CHECK_CRC32, preset=9 | lzma.PRESET_EXTREME)).decode()


def _turns(game: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a game's turns: (T,) uint8."""
    headings = CLOCKWISE[game]
    before = np.concatenate([np.zeros(1, np.uint8), headings])[: len(headings)]
    turns: NDArray[np.uint8] = (headings - before) & np.uint8(3)  # bytes wrap around, which leaves the lowest two bits right
    return turns


def unpack(text: str, lengths: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Return the moves of games of these lengths.

    Raises:
        ValueError: the text is damaged, or holds another number of moves.
    """
    total = sum(lengths)
    try:
        packed = base64.b64decode(text, validate=True)
        reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 28)
        data = reader.decompress(packed, max_length=total + 1)  # never more, whatever the text would unfold to
    except (ValueError, lzma.LZMAError) as error:
        raise ValueError(f"the moves are damaged ({error})") from None
    if base64.b64encode(packed).decode() != text or reader.unused_data:
        raise ValueError("the moves have bytes at their end that say nothing")
    if len(data) != total or not reader.eof:
        more = "more than " if len(data) > total else ""
        raise ValueError(f"{more}{min(len(data), total)} moves, the steps add up to {total}")
    turns = np.frombuffer(data, np.uint8)
    if total and turns.max() > 3:
        raise ValueError("a byte of the moves is no turn")
    parts = np.split(turns, np.cumsum(lengths)[:-1]) if lengths else []
    return [MOVE[np.cumsum(part, dtype=np.int64) & 3] for part in parts]

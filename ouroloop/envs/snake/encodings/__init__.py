"""Encodings: what a language model reads of a board, as text and as token ids. No torch here, and no transformers.

`encoding_of(name, size)` gives one of `ENCODINGS`:

- `path`: the snake as the moves it made, five a token, then tail, food and head: the shortest encoding.
- `cells`: the snake as cells relative to the head, one token each.
- `json`: absolute coordinates, one token a cell.
- `ascii`: the board as a picture, one token a cell.
- `bits`: three bits a cell.

Every encoding is first of all a text, in one prompt template that any language model's tokenizer can read. For models
trained from scratch it also has a vocabulary in which each of its pieces is one token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ouroloop.envs.snake.encodings.ascii_board import AsciiEncoding
from ouroloop.envs.snake.encodings.bits import BitsEncoding
from ouroloop.envs.snake.encodings.cells import CellsEncoding
from ouroloop.envs.snake.encodings.coordinates import JsonEncoding
from ouroloop.envs.snake.encodings.path import PathEncoding
from ouroloop.envs.snake.encodings.port import ACTIONS, MAX_SIZE, BoardState, Encoding
from ouroloop.protocols.encoding import EOS, PAD, UNK
from ouroloop.protocols.errors import UsageError

ENCODINGS: Final[dict[str, type[Encoding]]] = {
    kind.name: kind for kind in (PathEncoding, CellsEncoding, JsonEncoding, AsciiEncoding, BitsEncoding)
}
"""Encodings by name."""

__all__ = ["ACTIONS", "ENCODINGS", "EOS", "MAX_SIZE", "PAD", "UNK", "BoardState", "Encoding", "encoding_of"]


@lru_cache(maxsize=32)
def encoding_of(name: str, size: int) -> Encoding:
    """Return the encoding of this name for boards of this size.

    Raises:
        UsageError: there is no encoding of this name, or the board is larger than `MAX_SIZE`.
    """
    if name not in ENCODINGS:
        raise UsageError(f"encoding {name!r} is not known: choose one of {', '.join(ENCODINGS)}")
    return ENCODINGS[name](size)

"""The board as a string of bits: three bits and one token per cell.

    ### Instruction:
    {"size":6,"idle":12,"bits":"000 000 111 "}

    ### Response:

The three bits are the number of the cell's glyph (`glyphs`): 000 empty, 001 wall, 010 food, 011 head; 1xx is a part of the
body, whose last two bits say where its next part towards the head lies: up (00), down, left or right.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroloop.envs.snake.encodings.glyphs import GLYPHS, glyphs, state_of
from ouroloop.envs.snake.encodings.port import END, SPECIAL, START, BoardState, Encoding, each
from ouroloop.envs.snake.encodings.write import batch_of, write_glyphs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

CELL: Final = len(SPECIAL)
"""Id of the first cell; then come the prompt's end and the openings with idle."""


class BitsEncoding(Encoding):
    """See the module."""

    name: ClassVar[str] = "bits"

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id."""
        n = self.size
        openings = (f'{START}{{"size":{n},"idle":{k * n},"bits":"' for k in range(2 * n + 1))
        return (*SPECIAL, *(f"{glyph:03b} " for glyph in range(GLYPHS)), '"}' + END, *openings)

    @cached_property
    def pieces(self) -> str:
        """Regular expression that matches one token."""
        return "|".join(
            (re.escape(START) + r'\{"size":\d+,"idle":\d+,"bits":"', r'"\}' + re.escape(END), r"[01][01][01] ", r"[0-3]")
        )

    @property
    def longest(self) -> int:
        """Length of every prompt in tokens."""
        return 2 + self.size**2

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        batch, places = batch_of(observations), 1 + np.arange(self.size**2, dtype=np.int32)
        out = np.empty((len(observations), self.longest), np.int32)
        out[:, 0], out[:, -1] = CELL + GLYPHS + 1 + batch.idle, CELL + GLYPHS
        write_glyphs(batch, places, CELL, out)
        return out, np.ones(out.shape, dtype=bool)

    def places(self, state: BoardState) -> list[tuple[int, ...]]:
        """Return the cell of each token: one for a glyph, none for the others."""
        return [(), *each(range(self.size**2)), ()]

    def text(self, state: BoardState) -> str:
        """Return the prompt of a state."""
        fields = {"size": state.size, "idle": state.idle, "bits": "".join(f"{glyph:03b} " for glyph in glyphs(state))}
        return START + json.dumps(fields, separators=(",", ":")) + END

    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt."""
        fields = json.loads(text[len(START) : -len(END)])
        return state_of([int(cell, 2) for cell in fields["bits"].split()], fields["idle"])

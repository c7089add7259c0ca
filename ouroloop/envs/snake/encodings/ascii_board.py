"""The board as a picture: one token per cell, and one for the end of each line.

    ### Instruction:
    ......
    .>>v..
    ...@*.
    (three more lines)
    idle 12

    ### Response:

`@` is the head, `*` the food, `#` a wall; `^v<>` are parts of the body, each pointing to the part before it.
"""

from __future__ import annotations

import re
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroloop.envs.snake.encodings.glyphs import GLYPHS, glyphs, state_of
from ouroloop.envs.snake.encodings.port import END, SPECIAL, START, BoardState, Encoding, each
from ouroloop.envs.snake.encodings.write import batch_of, write_glyphs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

LOOKS: Final = ".#*@^v<>"
"""The characters of the glyphs, in their order."""
OPENING: Final = len(SPECIAL)
GLYPH: Final = OPENING + 2
"""Id of the first glyph, after the opening and the line's end; the idle tokens follow the glyphs."""


class AsciiEncoding(Encoding):
    """See the module."""

    name: ClassVar[str] = "ascii"

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id."""
        return (*SPECIAL, START, "\n", *LOOKS, *(f"idle {k * self.size}{END}" for k in range(2 * self.size + 1)))

    @cached_property
    def pieces(self) -> str:
        """Regular expression that matches one token."""
        return "|".join((re.escape(START), r"idle \d+" + re.escape(END), r"\n", r"[.#*@^v<>]", r"[0-3]"))

    @property
    def longest(self) -> int:
        """Length of every prompt in tokens."""
        return 2 + self.size * (self.size + 1)

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        batch, places = batch_of(observations), 1 + np.arange(self.size * (self.size + 1), dtype=np.int32)
        out = np.full((len(observations), self.longest), OPENING + 1, np.int32)
        out[:, 0], out[:, -1] = OPENING, GLYPH + GLYPHS + batch.idle
        write_glyphs(batch, places.reshape(self.size, -1)[:, :-1].flatten(), GLYPH, out)
        return out, np.ones(out.shape, dtype=bool)

    def places(self, state: BoardState) -> list[tuple[int, ...]]:
        """Return the cell of each token: one for a glyph, none for the others."""
        n = self.size
        lines = ([*each(range(at, at + n)), ()] for at in range(0, n * n, n))
        return [(), *chain.from_iterable(lines), ()]

    def text(self, state: BoardState) -> str:
        """Return the prompt of a state."""
        n, board = state.size, "".join(LOOKS[glyph] for glyph in glyphs(state))
        lines = [board[at : at + n] + "\n" for at in range(0, n * n, n)]
        return f"{START}{''.join(lines)}idle {state.idle}{END}"

    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt."""
        *lines, idle = text[len(START) : -len(END)].split("\n")
        if {len(line) for line in lines} != {len(lines)}:
            raise ValueError("the lines do not make a square")
        return state_of([LOOKS.index(look) for look in "".join(lines)], int(idle.removeprefix("idle ")))

"""The snake as cells relative to the head, one token each.

    ### Instruction:
    {"size":6,"body":[[0,1],[1,1]],"head":[2,3],"food":[-1,2],"free":[1,0,1,1],"idle":12}

    ### Response:

Cells are `[row, column]`. `body`, `walls` and `food` are relative to the head, `head` is absolute. `body` runs from the neck
to the tail and is followed by fields of one token each. A cell's distance from the end of the prompt therefore says when the
cell will be free, and a model with relative positions (RoPE) can read that off. `free` holds 1 for each action whose next
cell does not end the game. `idle` is rounded down to a multiple of the board's size, which keeps the vocabulary small.
`walls` appears only on boards that have some.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroloop.envs.snake.encodings.port import END, SPECIAL, START, BoardState, Encoding, each, steps_around
from ouroloop.envs.snake.encodings.write import batch_of, empty_rows, write_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

OPENING: Final = len(SPECIAL)
"""Id of the opening; then come the opening with walls, the token that ends the walls, and the prompt's end."""
FREE: Final = OPENING + 4
"""Id of the first of 16 `free` tokens; the `idle` tokens and then the cells follow them."""


class CellsEncoding(Encoding):
    """See the module."""

    name: ClassVar[str] = "cells"

    @property
    def span(self) -> int:
        """Number of values that a relative coordinate can take."""
        return 2 * self.size - 1

    @property
    def idle_base(self) -> int:
        """Id of the first `idle` token."""
        return FREE + 16

    @property
    def cell_base(self) -> int:
        """Id of the first relative cell (of body and walls); as many food cells follow, then the heads."""
        return self.idle_base + 2 * self.size + 1

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id."""
        n = self.size
        around = range(-n + 1, n)
        cells = [f"[{r},{c}]" for r in around for c in around]
        return (
            *SPECIAL,
            f'{START}{{"size":{n},"body":[',
            f'{START}{{"size":{n},"walls":[',
            '],"body":[',
            "}" + END,
            *(f',"free":[{k >> 3},{k >> 2 & 1},{k >> 1 & 1},{k & 1}]' for k in range(16)),
            *(f',"idle":{k * n}' for k in range(2 * n + 1)),
            *cells,
            *(f',"food":{cell}' for cell in cells),
            *(f'],"head":[{r},{c}]' for r in range(n) for c in range(n)),
        )

    @cached_property
    def pieces(self) -> str:
        """Regular expression that matches one token."""
        return "|".join(
            (
                re.escape(START) + r'\{"size":\d+,"(?:body|walls)":\[',
                r'\],"body":\[',
                r'\],"head":\[\d+,\d+\]',
                r',"food":\[-?\d+,-?\d+\]',
                r',"free":\[[01],[01],[01],[01]\]',
                r',"idle":\d+',
                r"\}" + re.escape(END),
                r"\[-?\d+,-?\d+\]",
                r"[0-3]",
            )
        )

    @property
    def longest(self) -> int:
        """Length of the longest prompt in tokens."""
        return 7 + self.size**2

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        batch = batch_of(observations)
        out, mask = empty_rows(5 + batch.lengths + np.where(batch.walls, batch.walls + 1, 0))
        here, around = self.cell_base + 2 * self.size * (self.size - 1), self.span**2
        bases = (here, here + around, self.cell_base + 2 * around, FREE, self.idle_base, OPENING)
        write_cells(batch, bases, out)
        return out, mask

    def places(self, state: BoardState) -> list[tuple[int, ...]]:
        """Return the cells of each token: the one that it names, or those beside the head for `free`."""
        walls = [*each(state.walls), ()] if state.walls else []
        head, *body = state.snake
        return [(), *walls, *each(body), *each([head, state.food]), steps_around(state), (), ()]

    def text(self, state: BoardState) -> str:
        """Return the prompt of a state."""
        n, head = state.size, state.snake[0]
        row, column = divmod(head, n)

        def relative(cell: int) -> list[int]:
            return [cell // n - row, cell % n - column]

        fields: dict[str, object] = {"size": n}
        if state.walls:
            fields["walls"] = [relative(c) for c in state.walls]
        fields["body"] = [relative(c) for c in state.snake[1:]]
        fields["head"] = [row, column]
        fields["food"] = relative(state.food) if state.food >= 0 else [0, 0]
        fields["free"] = list(state.free)
        fields["idle"] = state.idle
        return START + json.dumps(fields, separators=(",", ":")) + END

    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt."""
        fields = json.loads(text[len(START) : -len(END)])
        n, (row, column) = fields["size"], fields["head"]
        body, walls = ([(row + r) * n + column + c for r, c in fields.get(key, [])] for key in ("body", "walls"))
        head, food = row * n + column, (row + fields["food"][0]) * n + column + fields["food"][1]
        food = -1 if food == head else food
        return BoardState(n, (head, *body), food, tuple(walls), tuple(fields["free"]), fields["idle"])

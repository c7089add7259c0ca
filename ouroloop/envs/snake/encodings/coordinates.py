"""Absolute coordinates as JSON, one token per cell.

### Instruction:
{"size":6,"snake":[[2,3],[2,4]],"food":[1,5],"idle":12}

### Response:
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroloop.envs.snake.encodings.board import free_of
from ouroloop.envs.snake.encodings.port import END, SPECIAL, START, BoardState, Encoding, each
from ouroloop.envs.snake.encodings.write import batch_of, empty_rows, write_coordinates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

OPENING: Final = len(SPECIAL)
"""Id of the opening; the token that begins the walls follows it."""
CELL: Final = OPENING + 2
"""Id of the first cell; the food and idle tokens follow the cells."""


class JsonEncoding(Encoding):
    """See the module."""

    name: ClassVar[str] = "json"

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id."""
        n = self.size
        cells = [f"[{r},{c}]" for r in range(n) for c in range(n)]
        return (
            *SPECIAL,
            f'{START}{{"size":{n},"snake":[',
            '],"walls":[',
            *cells,
            *(f'],"food":{cell}' for cell in cells),
            *(f',"idle":{k * n}}}{END}' for k in range(2 * n + 1)),
        )

    @cached_property
    def pieces(self) -> str:
        """Regular expression that matches one token."""
        return "|".join(
            (
                re.escape(START) + r'\{"size":\d+,"snake":\[',
                r'\],"walls":\[',
                r'\],"food":\[\d+,\d+\]',
                r',"idle":\d+\}' + re.escape(END),
                r"\[\d+,\d+\]",
                r"[0-3]",
            )
        )

    @property
    def longest(self) -> int:
        """Length of the longest prompt in tokens."""
        return 4 + self.size**2

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        batch = batch_of(observations)
        out, mask = empty_rows(3 + batch.lengths + np.where(batch.walls, batch.walls + 1, 0))
        write_coordinates(batch, CELL + np.arange(self.size**2, dtype=np.int32), OPENING, out)
        return out, mask

    def places(self, state: BoardState) -> list[tuple[int, ...]]:
        """Return the cell of each token: the one that it names."""
        walls = [(), *each(state.walls)] if state.walls else []
        return [(), *each(state.snake), *walls, *each([state.food]), ()]

    def text(self, state: BoardState) -> str:
        """Return the prompt of a state."""
        n = state.size
        fields: dict[str, object] = {"size": n, "snake": [divmod(c, n) for c in state.snake]}
        if state.walls:
            fields["walls"] = [divmod(c, n) for c in state.walls]
        fields["food"] = divmod(state.food if state.food >= 0 else state.snake[0], n)
        fields["idle"] = state.idle
        return START + json.dumps(fields, separators=(",", ":")) + END

    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt."""
        fields = json.loads(text[len(START) : -len(END)])
        n = fields["size"]
        snake, walls = (tuple(r * n + c for r, c in fields.get(key, [])) for key in ("snake", "walls"))
        food = fields["food"][0] * n + fields["food"][1]
        return BoardState(n, snake, -1 if food == snake[0] else food, walls, free_of(n, snake, walls), fields["idle"])

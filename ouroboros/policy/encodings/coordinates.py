"""Absolute coordinates as JSON, the reference document's choice (section 5), one token a cell.

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

from ouroboros.policy.encodings.board import free_of, heads, idle_steps, pad_left, wall_cells
from ouroboros.policy.encodings.port import END, PAD, SPECIAL, START, BoardState, Encoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.records import Observations

OPENING: Final = len(SPECIAL)
"""Id of the opening, and after it of what begins the walls."""
CELL: Final = OPENING + 2
"""Id of the first cell; then food and idle."""


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
        """Regular expression of one token."""
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
        """Tokens of the longest prompt."""
        return 4 + self.size**2

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        cells, head = self.size**2, heads(observations)
        lengths = np.asarray(observations.lengths["snake"], dtype=np.int64)
        snake = np.asarray(observations.columns["snake"][:, : int(lengths.max(initial=1))], dtype=np.int64)
        # The snake's own order, at the end of its block.
        place = np.arange(snake.shape[1]) - (snake.shape[1] - lengths)[:, None]
        laid = np.take_along_axis(snake, np.maximum(place, 0), axis=1)
        walls, wall_count = wall_cells(observations)
        walled = (wall_count > 0).astype(np.int64)
        food = np.asarray(observations.columns["food"], dtype=np.int64)
        fields = [CELL + cells + np.where(food < 0, head, food), CELL + 2 * cells + idle_steps(observations)]
        return pad_left(
            (
                (np.full((len(head), 1), OPENING), None),
                (CELL + laid, lengths),
                (np.full((len(head), int(walled.max(initial=0))), OPENING + 1), walled),
                (CELL + walls, wall_count),
                (np.stack(fields, axis=1), None),
            ),
            PAD,
        )

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

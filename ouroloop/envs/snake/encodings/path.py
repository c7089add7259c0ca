"""The snake as the moves it made: the shortest prompts, and therefore the fastest to train on and to play.

    ### Instruction:
    {"size":6,"path":["RR","DDLUU"],"tail":[-2,-2],"food":[-1,2],"free":[1,0,1,1],"idle":12,"head":[2,2]}

    ### Response:

`path` runs from the tail to the head, `CHUNK` moves a token. The remainder comes first, so that a chunk's distance from the
end of the prompt says when it was walked. Cells are `[row, column]`: `head` is absolute; `tail`, `food` and `walls` are
relative to it. `free` holds 1 for each action whose next cell does not end the game. `idle` is rounded down to a multiple of
the size. The head is in the last token, from which a causal model predicts.

A 10x10 board takes 16 tokens on average. Head, tail and food, which following a cycle requires, are one token each, and the
sum of the moves says where any part of the snake lies. A model of 0.5 million parameters that imitated such a teacher on
10x10 learned more in 1000 steps with relative tails and foods than in 1500 steps with absolute ones.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from itertools import pairwise, product
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroloop.envs.snake.encodings.board import STEPS
from ouroloop.envs.snake.encodings.port import END, SPECIAL, START, BoardState, Encoding, each, steps_around
from ouroloop.envs.snake.encodings.write import CHUNK, batch_of, empty_rows, write_path
from ouroloop.protocols.encoding import UNK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.records import Observations

LETTERS: Final = "UDLR"
BACK: Final = (1, 0, 3, 2)
"""Opposite of each action."""
FIRST: Final = len(SPECIAL) + 2
"""Id of the first chunk, after the two openings."""


def _chunks() -> tuple[tuple[int, ...], ...]:
    """Return all paths of 1..`CHUNK` moves that do not turn back: 484 if `CHUNK` is 5."""
    every = (moves for length in range(1, CHUNK + 1) for moves in product(range(4), repeat=length))
    return tuple(m for m in every if all(b != BACK[a] for a, b in pairwise(m)))


CHUNKS: Final = _chunks()


def _lookup() -> NDArray[np.int32]:
    """Return (5 ** CHUNK,) int32: each chunk's token, indexed by its moves as base-5 digits (0: none); `UNK` if no path."""
    table = np.full(5**CHUNK, UNK, np.int32)
    for index, moves in enumerate(CHUNKS):
        table[sum((move + 1) * 5 ** (CHUNK - len(moves) + place) for place, move in enumerate(moves))] = FIRST + index
    return table


LOOKUP: Final = _lookup()


class PathEncoding(Encoding):
    """See the module."""

    name: ClassVar[str] = "path"

    @cached_property
    def bases(self) -> dict[str, int]:
        """Id of the first token of each field."""
        around, sizes = (2 * self.size - 1) ** 2, {}
        at = FIRST + len(CHUNKS)
        for field, count in (
            ("wall", around),
            ("tail", around),
            ("food", around),
            ("free", 16),
            ("idle", 2 * self.size + 1),
            ("head", self.size**2),
            ("after", 1),
        ):
            sizes[field] = at
            at += count
        return sizes

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id."""
        n = self.size
        cells = [f"[{r},{c}]" for r in range(n) for c in range(n)]
        around = [f"[{r},{c}]" for r in range(-n + 1, n) for c in range(-n + 1, n)]
        return (
            *SPECIAL,
            f'{START}{{"size":{n},"path":[',
            f'{START}{{"size":{n},"walls":[',
            *('"' + "".join(LETTERS[move] for move in moves) + '"' for moves in CHUNKS),
            *around,
            *(f'],"tail":{cell}' for cell in around),
            *(f',"food":{cell}' for cell in around),
            *(f',"free":[{k >> 3},{k >> 2 & 1},{k >> 1 & 1},{k & 1}]' for k in range(16)),
            *(f',"idle":{k * n}' for k in range(2 * n + 1)),
            *(f',"head":{cell}}}{END}' for cell in cells),
            '],"path":[',
        )

    @cached_property
    def pieces(self) -> str:
        """Regular expression that matches one token."""
        return "|".join(
            (
                re.escape(START) + r'\{"size":\d+,"(?:path|walls)":\[',
                r'\],"path":\[',
                r'\],"tail":\[-?\d+,-?\d+\]',
                r',"food":\[-?\d+,-?\d+\]',
                r',"free":\[[01],[01],[01],[01]\]',
                r',"idle":\d+',
                r',"head":\[\d+,\d+\]\}' + re.escape(END),
                r'"[UDLR]+"',
                r"\[-?\d+,-?\d+\]",
                r"[0-3]",
            )
        )

    @property
    def longest(self) -> int:
        """Length of the longest prompt in tokens."""
        return 8 + self.size**2

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        batch, base = batch_of(observations), self.bases
        out, mask = empty_rows(6 - (1 - batch.lengths) // CHUNK + np.where(batch.walls, batch.walls + 1, 0))
        here = 2 * self.size * (self.size - 1)
        around = (base[field] + here for field in ("wall", "tail", "food"))
        write_path(batch, LOOKUP, (*around, *(base[field] for field in ("free", "idle", "head", "after")), FIRST - 2), out)
        return out, mask

    def places(self, state: BoardState) -> list[tuple[int, ...]]:
        """Return the cells of each token: those that its moves entered, the one that it names, those beside the head."""
        walls = [*each(state.walls), ()] if state.walls else []
        entered = state.snake[-2::-1]  # from the cell after the tail to the head
        odd = len(entered) % CHUNK
        starts = [*([0] if odd else []), *range(odd, len(entered), CHUNK)]
        chunks = [entered[low:high] for low, high in zip(starts, [*starts[1:], len(entered)], strict=True)]
        ends = (*each([state.snake[-1], state.food]), steps_around(state), ())
        return [(), *walls, *chunks, *ends, *each([state.snake[0]])]

    def text(self, state: BoardState) -> str:
        """Return the prompt of a state."""
        n = state.size
        cells = [divmod(cell, n) for cell in state.snake]
        moves = "".join(
            LETTERS[STEPS.index((newer[0] - older[0], newer[1] - older[1]))]
            for newer, older in zip(cells[-2::-1], cells[:0:-1], strict=True)
        )
        odd = len(moves) % CHUNK
        chunks = ([moves[:odd]] if odd else []) + [moves[at : at + CHUNK] for at in range(odd, len(moves), CHUNK)]
        row, column = cells[0]

        def relative(cell: int) -> list[int]:
            return [cell // n - row, cell % n - column]

        fields: dict[str, object] = {"size": n}
        if state.walls:
            fields["walls"] = [relative(cell) for cell in state.walls]
        food = state.food if state.food >= 0 else state.snake[0]
        fields |= {"path": chunks, "tail": relative(state.snake[-1]), "food": relative(food)}
        fields |= {"free": list(state.free), "idle": state.idle, "head": cells[0]}
        return START + json.dumps(fields, separators=(",", ":")) + END

    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt."""
        fields = json.loads(text[len(START) : -len(END)])
        n, (row, column) = fields["size"], fields["head"]
        food, walls = ([(row + r) * n + column + c for r, c in cells] for cells in ([fields["food"]], fields.get("walls", [])))
        snake, tail = [row * n + column], [row + fields["tail"][0], column + fields["tail"][1]]
        for letter in reversed("".join(fields["path"])):
            down, right = STEPS[LETTERS.index(letter)]
            row, column = row - down, column - right
            snake.append(row * n + column)
        if [row, column] != tail or not (0 <= row < n and 0 <= column < n):
            raise ValueError("the path does not lead from the tail to the head")
        free = tuple(fields["free"])
        return BoardState(n, tuple(snake), -1 if food[0] == snake[0] else food[0], tuple(walls), free, fields["idle"])

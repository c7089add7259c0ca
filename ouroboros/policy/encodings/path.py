"""The snake as the moves that it made: short prompts from which small models learn fast.

    ### Instruction:
    {"size":6,"path":["RR","DDLUU"],"tail":[0,0],"food":[1,4],"toward":[-1,2],"free":[1,0,1,1],"idle":12,"head":[2,2]}

    ### Response:

`path` runs from the tail to the head, `CHUNK` moves a token and the odd ones first, so that a chunk's place from the end of the
prompt says when it was walked. Cells are `[row, column]`: `tail`, `food`, `head` and `walls` absolute, `toward` is the food as
seen from the head. `free` holds 1 for each action whose next cell does not end the game; `idle` is rounded down to a
multiple of the size. The head is in the last token, from which a causal model predicts.

A board of 10x10 takes 18 tokens on average. What a path along a cycle needs (head, tail, food) is one token each, and no
more than the sum of its moves says where any part of the snake lies.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from itertools import pairwise, product
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroboros.policy.encodings.board import (
    JUMP,
    STEPS,
    directions,
    free_moves,
    heads,
    idle_steps,
    pad_left,
    tails,
    wall_cells,
)
from ouroboros.policy.encodings.port import END, PAD, SPECIAL, START, UNK, BoardState, Encoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.protocols.records import Observations

CHUNK: Final = 5
"""Moves per token: 484 kinds of them, since no snake turns back on itself."""
LETTERS: Final = "UDLR"
BACK: Final = (1, 0, 3, 2)
"""Opposite of each action."""
FIRST: Final = len(SPECIAL) + 2
"""Id of the first chunk, after the two openings."""


def _chunks() -> tuple[tuple[int, ...], ...]:
    """Return all paths of 1..`CHUNK` moves that do not turn back."""
    every = (moves for length in range(1, CHUNK + 1) for moves in product(range(4), repeat=length))
    return tuple(m for m in every if all(b != BACK[a] for a, b in pairwise(m)))


CHUNKS: Final = _chunks()


def _lookup() -> NDArray[np.int32]:
    """Return (5 ** CHUNK,) int32: the token of a chunk, by its moves as digits of base 5, 0 for none; `UNK` for no path."""
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
        cells, sizes = self.size**2, {}
        at = FIRST + len(CHUNKS)
        for field, count in (
            ("wall", cells),
            ("tail", cells),
            ("food", cells),
            ("toward", (2 * self.size - 1) ** 2),
            ("free", 16),
            ("idle", 2 * self.size + 1),
            ("head", cells),
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
            *cells,
            *(f'],"tail":{cell}' for cell in cells),
            *(f',"food":{cell}' for cell in cells),
            *(f',"toward":{cell}' for cell in around),
            *(f',"free":[{k >> 3},{k >> 2 & 1},{k >> 1 & 1},{k & 1}]' for k in range(16)),
            *(f',"idle":{k * n}' for k in range(2 * n + 1)),
            *(f',"head":{cell}}}{END}' for cell in cells),
            '],"path":[',
        )

    @cached_property
    def pieces(self) -> str:
        """Regular expression of one token."""
        return "|".join(
            (
                re.escape(START) + r'\{"size":\d+,"(?:path|walls)":\[',
                r'\],"path":\[',
                r'\],"tail":\[\d+,\d+\]',
                r',"food":\[\d+,\d+\]',
                r',"toward":\[-?\d+,-?\d+\]',
                r',"free":\[[01],[01],[01],[01]\]',
                r',"idle":\d+',
                r',"head":\[\d+,\d+\]\}' + re.escape(END),
                r'"[UDLR]+"',
                r"\[\d+,\d+\]",
                r"[0-3]",
            )
        )

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt."""
        return 9 + self.size**2

    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids."""
        n, base, count = self.size, self.bases, len(observations)
        head, tail = heads(observations), tails(observations)
        food = np.asarray(observations.columns["food"], dtype=np.int64)
        food = np.where(food < 0, head, food)
        toward = (food // n - head // n + n - 1) * (2 * n - 1) + food % n - head % n + n - 1
        free = free_moves(observations) @ np.array([8, 4, 2, 1])
        fields = [
            base["tail"] + tail,
            base["food"] + food,
            base["toward"] + toward,
            base["free"] + free,
            base["idle"] + idle_steps(observations),
            base["head"] + head,
        ]
        walls, wall_count = wall_cells(observations)
        chunks, chunk_count = self._path(observations)
        walled = (wall_count > 0).astype(np.int64)
        return pad_left(
            (
                ((FIRST - 2 + walled)[:, None], None),
                (base["wall"] + walls, wall_count),
                (np.full((count, int(walled.max(initial=0))), base["after"]), walled),
                (chunks, chunk_count),
                (np.stack(fields, axis=1), None),
            ),
            PAD,
        )

    def _path(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the tokens of the paths, (B, M) int32 at the end of each row, and their number: (B,) int32."""
        moves, count = directions(observations)
        broken = (moves == JUMP) & (np.arange(moves.shape[1]) < count[:, None])
        digits = np.where(moves == JUMP, 0, moves + 1).astype(np.int32)
        digits[broken.any(axis=1)] = 0  # a path with a gap has no moves to say: its chunks are all unknown
        width = -(-digits.shape[1] // CHUNK)
        # The newest move is the last digit of the last chunk.
        laid = np.zeros((len(digits), width * CHUNK), np.int32)
        laid[:, laid.shape[1] - digits.shape[1] :] = digits[:, ::-1]
        return LOOKUP[laid.reshape(len(digits), width, CHUNK) @ 5 ** np.arange(CHUNK)], -(-count // CHUNK)

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
        (row, column), food = cells[0], divmod(state.food if state.food >= 0 else state.snake[0], n)
        fields: dict[str, object] = {"size": n}
        if state.walls:
            fields["walls"] = [divmod(cell, n) for cell in state.walls]
        fields |= {"path": chunks, "tail": cells[-1], "food": food, "toward": [food[0] - row, food[1] - column]}
        fields |= {"free": list(state.free), "idle": state.idle, "head": cells[0]}
        return START + json.dumps(fields, separators=(",", ":")) + END

    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt."""
        fields = json.loads(text[len(START) : -len(END)])
        n, (row, column) = fields["size"], fields["head"]
        snake = [row * n + column]
        for letter in reversed("".join(fields["path"])):
            down, right = STEPS[LETTERS.index(letter)]
            row, column = row - down, column - right
            snake.append(row * n + column)
        if [row, column] != fields["tail"] or not (0 <= row < n and 0 <= column < n):
            raise ValueError("the path does not lead from the tail to the head")
        food = fields["food"][0] * n + fields["food"][1]
        walls = tuple(r * n + c for r, c in fields.get("walls", []))
        return BoardState(n, tuple(snake), -1 if food == snake[0] else food, walls, tuple(fields["free"]), fields["idle"])

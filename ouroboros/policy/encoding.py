"""Observations as JSON text, and as the token ids that this text has: what Snake-GPT reads.

The text is the prompt of the reference document (section 8.1) around one line of JSON:

    ### Instruction:
    {"size":6,"body":[[0,1],[1,1]],"head":[2,3],"food":[-1,2],"free":[1,0,1,1],"idle":12}

    ### Response:

Cells are `[row, column]`. `body`, `walls` and `food` are relative to the head, `head` is absolute. `body` runs from the neck to
the tail and stands before fields of one token each, so that a cell's distance from the end of the prompt says when it will be
free: a model with relative positions (RoPE) reads it off. `free` holds 1 for each action whose next cell does not end the
game; `idle` is rounded down to a multiple of the board's size, which keeps the vocabulary small. `walls` is there only on
boards that have some.

Each cell and each structural piece is one token, the commas between cells are none; `encode_batch` computes the ids from the
arrays without making the text, and equals the tokenizer's answer. No torch here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroboros.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroboros.protocols.records import Observations

PAD, EOS, UNK = 0, 1, 2
ACTIONS: Final = (3, 4, 5, 6)
"""Token ids of the actions 0..3: up, down, left, right."""
START, START_WALLS, AFTER_WALLS, END, FREE = 7, 8, 9, 10, 11
"""Ids of the pieces that depend on no cell; 16 `free` tokens from `FREE`, `idle` and then the cells after them."""
MAX_SIZE = 32
"""Beyond it the cell tokens alone would take the whole million of parameters."""
STEPS: Final = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""Row and column change of each action."""
BODY, FOOD, WALL = 1, 3, 4
"""Codes of the observation's `board`."""


@dataclass(frozen=True, slots=True)
class BoardState:
    """What a prompt says, in the observation's own terms.

    Args:
        size: cells along an edge.
        snake: cell indices, head first.
        food: cell index, -1 where there is none.
        walls: cell indices, ascending.
        free: 1 for each action whose next cell does not end the game.
        idle: steps since the last food, rounded down to a multiple of `size`, at most `2 size^2`.
    """

    size: int
    snake: tuple[int, ...]
    food: int
    walls: tuple[int, ...]
    free: tuple[int, ...]
    idle: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of one board size: its vocabulary and both ways from observation to ids.

    Raises:
        UsageError: the board is larger than `MAX_SIZE`.
    """

    size: int

    def __post_init__(self) -> None:
        """Refuse boards whose vocabulary would not fit the model."""
        if not 4 <= self.size <= MAX_SIZE:
            msg = f"Snake-GPT plays boards of 4..{MAX_SIZE}, found size {self.size}; use a smaller board or another policy"
            raise UsageError(msg)

    @property
    def span(self) -> int:
        """Values that a relative coordinate can take, `2 size - 1`."""
        return 2 * self.size - 1

    @property
    def idle_base(self) -> int:
        """Id of the first `idle` token; there are `2 size + 1`, since no game outlives `size^2 + length` idle steps."""
        return FREE + 16

    @property
    def cell_base(self) -> int:
        """Id of the first relative cell (of body and walls); then as many of food, then the heads."""
        return self.idle_base + 2 * self.size + 1

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id."""
        return _vocabulary(self.size)

    def states(self, observations: Observations) -> list[BoardState]:
        """Return what the prompts of a batch say."""
        free = _free(observations, self.size)
        boards = np.asarray(observations.columns["board"]).reshape(len(observations), -1)
        out = []
        for row in range(len(observations)):
            length = int(observations.lengths["snake"][row])
            out.append(
                BoardState(
                    self.size,
                    tuple(int(c) for c in observations.columns["snake"][row][:length]),
                    int(observations.columns["food"][row]),
                    tuple(int(c) for c in np.flatnonzero(boards[row] == WALL)),
                    tuple(int(f) for f in free[row]),
                    min(int(observations.columns["idle"][row]) // self.size, 2 * self.size) * self.size,
                )
            )
        return out

    def texts(self, observations: Observations) -> list[str]:
        """Return the prompts of a batch as text."""
        return [_text(state) for state in self.states(observations)]

    def encode_batch(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids, padded on the left.

        Returns:
            ids: (B, L) int32, and mask: (B, L) bool, true where a token stands. L is the longest prompt of the batch.

        Raises:
            UsageError: the observations are of another board size.
        """
        if observations.constants["size"] != self.size:
            found = observations.constants["size"]
            raise UsageError(f"this encoding is for boards of {self.size}, found observations of size {found}")
        n, count = self.size, len(observations)
        snake = np.asarray(observations.columns["snake"], dtype=np.int32)
        lengths = np.asarray(observations.lengths["snake"], dtype=np.int32)
        head = snake[:, 0]
        walls, wall_count = self._walls(observations, head)
        body = int(lengths.max(initial=1)) - 1
        start = (wall_count > 0).astype(np.int32)
        total = 1 + wall_count + start + lengths - 1 + 5
        width = int(total.max(initial=0))
        ids = np.full((count, width), PAD, dtype=np.int32)
        # The tail of the prompt stands at fixed columns; the body is written shifted, so that its last cell meets them.
        idle = np.asarray(observations.columns["idle"], dtype=np.int32) // n
        free = _free(observations, n) @ np.array([8, 4, 2, 1], dtype=np.int32)
        food = np.asarray(observations.columns["food"], dtype=np.int32)
        ids[:, -5] = self.cell_base + 2 * self.span**2 + head
        ids[:, -4] = self._relative(np.where(food < 0, head, food), head) + self.span**2
        ids[:, -3] = FREE + free
        ids[:, -2] = self.idle_base + np.minimum(idle, 2 * n)
        ids[:, -1] = END
        rows = np.arange(count)[:, None]
        column = np.arange(body)[None, :]
        valid = column < (lengths - 1)[:, None]
        target = width - 5 - (lengths - 1)[:, None] + column
        cells = self._relative(snake[:, 1 : body + 1], head[:, None])
        ids[np.broadcast_to(rows, valid.shape)[valid], target[valid]] = cells[valid]
        self._write_start(ids, width - total, wall_count, walls)
        return ids, np.arange(width)[None, :] >= (width - total)[:, None]

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> BoardState:
        """Return what a prompt's ids say; padding and anything after the prompt are skipped.

        Raises:
            UsageError: the ids are no prompt of this encoding.
        """
        vocabulary = self.vocabulary
        text = "".join(vocabulary[int(i)] for i in ids if i > UNK and i not in ACTIONS).replace("][", "],[")
        found = re.fullmatch(r"### Instruction:\n(\{.*\})\n\n### Response:\n", text)
        try:
            state = json.loads(found[1]) if found else {}
            row, column = state["head"]
            cells = [[(row + r) * self.size + column + c for r, c in state.get(key, [])] for key in ("body", "walls")]
            food = (row + state["food"][0]) * self.size + column + state["food"][1]
        except (KeyError, ValueError) as error:
            raise UsageError(f"not a prompt of a board of {self.size}: {text[:80]!r}") from error
        head = row * self.size + column
        food = -1 if food == head else food
        return BoardState(state["size"], (head, *cells[0]), food, tuple(cells[1]), tuple(state["free"]), state["idle"])

    def _relative(self, cells: NDArray[np.int32], head: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the token ids of cells as seen from the head, elementwise."""
        n = self.size
        row = cells // n - head // n + n - 1
        return np.asarray(self.cell_base + row * self.span + cells % n - head % n + n - 1, dtype=np.int32)

    def _walls(self, observations: Observations, head: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the wall tokens of all rows one after the other, and how many each row has: (B,) int32."""
        board = np.asarray(observations.columns["board"]).reshape(len(observations), -1)
        rows, cells = np.nonzero(board == WALL)
        counts = np.bincount(rows, minlength=len(observations)).astype(np.int32)
        return self._relative(cells.astype(np.int32), head[rows]), counts

    def _write_start(
        self, ids: NDArray[np.int32], first: NDArray[np.int32], counts: NDArray[np.int32], walls: NDArray[np.int32]
    ) -> None:
        """Write each prompt's opening at column `first`: the start piece and, where there are walls, their list."""
        row = np.arange(len(ids))
        ids[row, first] = np.where(counts > 0, START_WALLS, START)
        if not len(walls):
            return
        owner = np.repeat(row, counts)
        offset = np.arange(len(walls)) - np.repeat(np.cumsum(counts) - counts, counts)
        ids[owner, first[owner] + 1 + offset] = walls
        some = np.flatnonzero(counts)
        ids[some, first[some] + 1 + counts[some]] = AFTER_WALLS


def _text(state: BoardState) -> str:
    """Return a prompt; `BoardState` in, text out."""
    n = state.size
    row, column = divmod(state.snake[0], n)

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
    return f"### Instruction:\n{json.dumps(fields, separators=(',', ':'))}\n\n### Response:\n"


def _free(observations: Observations, n: int) -> NDArray[np.int32]:
    """Return which actions lead to a cell that does not end the game: (B, 4) int32 of 0 and 1.

    The tail's cell counts as free, since the tail leaves it in the same step.
    """
    count = len(observations)
    board = np.asarray(observations.columns["board"]).reshape(count, n, n)
    snake = np.asarray(observations.columns["snake"])
    last = np.asarray(observations.lengths["snake"], dtype=np.int64) - 1
    rows = np.arange(count)
    blocked = np.ones((count, n + 2, n + 2), dtype=bool)
    blocked[:, 1:-1, 1:-1] = (board == BODY) | (board == WALL)
    tail = np.asarray(snake[rows, last], dtype=np.int64)
    blocked[rows, tail // n + 1, tail % n + 1] = False
    head = np.asarray(snake[:, 0], dtype=np.int64)
    return np.stack([~blocked[rows, head // n + 1 + r, head % n + 1 + c] for r, c in STEPS], axis=1).astype(np.int32)


@lru_cache(maxsize=8)
def _vocabulary(n: int) -> tuple[str, ...]:
    """Return the token texts of a board size by id."""
    around = range(-n + 1, n)
    cells = [f"[{r},{c}]" for r in around for c in around]
    return (
        "<pad>",
        "<eos>",
        "<unk>",
        *"0123",
        f'### Instruction:\n{{"size":{n},"body":[',
        f'### Instruction:\n{{"size":{n},"walls":[',
        '],"body":[',
        "}\n\n### Response:\n",
        *(f',"free":[{k >> 3},{k >> 2 & 1},{k >> 1 & 1},{k & 1}]' for k in range(16)),
        *(f',"idle":{k * n}' for k in range(2 * n + 1)),
        *cells,
        *(f',"food":{cell}' for cell in cells),
        *(f'],"head":[{r},{c}]' for r in range(n) for c in range(n)),
    )

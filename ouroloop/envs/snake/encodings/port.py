"""What Snake's encodings share: the facts in a prompt, and the prompt template."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ouroloop.envs.snake.encodings.board import STEPS, WALL, free_moves, free_of, idle_steps
from ouroloop.envs.snake.encodings.hints import NONE, food_distances
from ouroloop.protocols.encoding import UNK, action_tokens, first_words
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.encoding import Setting
    from ouroloop.protocols.records import Observations

ACTIONS: Final = action_tokens(4)
"""Token ids of the actions 0..3: up, down, left, right."""
SPECIAL: Final = first_words(4)
"""The first words of every vocabulary."""
START: Final = "### Instruction:\n"
END: Final = "\n\n### Response:\n"
"""The prompt template: the text before and after the board."""
HINT: Final = "\n# Hint: distance="
"""The text before the distance in a prompt with a hint, the last line of the instruction."""
SEPARATOR: Final = r'(?<="),(?=")|(?<=\]),(?=\[)'
"""Regular expression of the text between tokens: the commas of lists."""
MAX_SIZE: Final = 32
"""Largest board: beyond it, the tokens of cells alone would take a million parameters."""


@dataclass(frozen=True, slots=True)
class BoardState:
    """The facts in a prompt, in the observation's own terms.

    Args:
        size: cells along an edge.
        snake: cell indices, head first.
        food: cell index, -1 if there is none.
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


class Encoding(ABC):
    """One way to write a board, a `protocols.encoding.Encoding`; writing and reading back agree.

    Text, ids and `BoardState` say the same. The tokenizer of `vocabulary` and `pieces` turns `text(state)` into the ids that
    `encode_batch` computes from the arrays, and `decode` turns those back into the state.

    Args:
        size: side of the boards.

    Raises:
        UsageError: the board is larger than `MAX_SIZE`.
    """

    name: ClassVar[str]
    actions: ClassVar[tuple[int, ...]] = ACTIONS
    separator: ClassVar[str] = SEPARATOR
    joints: ClassVar[tuple[tuple[str, str], ...]] = (("][", "],["), ('""', '","'))

    def __init__(self, size: int) -> None:
        """Refuse boards whose vocabulary would not fit the model."""
        if not 4 <= size <= MAX_SIZE:
            msg = f"Snake-GPT plays boards of 4..{MAX_SIZE}, found size {size}; use a smaller board or another policy"
            raise UsageError(msg)
        self.size = size

    @property
    def settings(self) -> dict[str, Setting]:
        """The board's size."""
        return {"size": self.size}

    @cached_property
    @abstractmethod
    def vocabulary(self) -> tuple[str, ...]:
        """Token texts by id; the first are `SPECIAL`."""

    @cached_property
    @abstractmethod
    def pieces(self) -> str:
        """Regular expression that matches one token; the leftmost match wins."""

    @property
    @abstractmethod
    def longest(self) -> int:
        """Length in tokens of the longest prompt for this board size."""

    @abstractmethod
    def text(self, state: BoardState) -> str:
        """Return the prompt of a state."""

    @abstractmethod
    def parse(self, text: str) -> BoardState:
        """Return the state of a prompt. Raises ValueError, KeyError, TypeError or IndexError if it is not a prompt."""

    @abstractmethod
    def places(self, state: BoardState) -> list[tuple[int, ...]]:
        """Return the cells that each token of a state's prompt speaks of."""

    @abstractmethod
    def ids(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return what `encode_batch` returns, after it has checked the board's size."""

    def encode_batch(self, observations: Observations) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the prompts as ids, padded on the left.

        Returns:
            ids: (B, L) int32, and mask: (B, L) bool, true for tokens, false for padding. L is the batch's longest prompt.

        Raises:
            UsageError: the observations are of another board size.
        """
        self._check(observations)
        return self.ids(observations)

    @property
    def cells(self) -> int:
        """Cells of a board."""
        return self.size**2

    def cells_of(self, observations: Observations) -> NDArray[np.int32]:
        """Return the cells that each token speaks of: (B, L, K) int32, filled up with -1, flush right as the prompts are.

        Raises:
            UsageError: the observations are of another board size.
        """
        self._check(observations)
        rows = [self.places(state) for state in states(observations)]
        longest, most = (max(counts, default=0) for counts in (map(len, rows), (len(own) for row in rows for own in row)))
        out = np.full((len(rows), longest, max(1, most)), -1, np.int32)
        for index, row in enumerate(rows):
            for at, own in enumerate(row, longest - len(row)):
                out[index, at, : len(own)] = own
        return out

    def _check(self, observations: Observations) -> None:
        found = observations.constants["size"]
        if found != self.size:
            raise UsageError(f"this policy is for boards of {self.size}, found observations of size {found}")

    @property
    def example(self) -> str:
        """The prompt of a snake of two cells."""
        snake = (1, 0)
        return self.text(BoardState(self.size, snake, 2, (), free_of(self.size, snake, ()), 0))

    @cached_property
    def signs(self) -> str:
        """Every character of a prompt."""
        return "".join(sorted({*self.example, *"".join(self.vocabulary[len(SPECIAL) :]), *HINT, *"0123456789"}))

    def texts(self, observations: Observations) -> list[str]:
        """Return the prompts of a batch as text; raises UsageError for another board size."""
        self._check(observations)
        return [self.text(state) for state in states(observations)]

    def hinted(self, observations: Observations) -> list[str]:
        """Return the prompts with the food's distance before the response's heading; without food, without the hint."""
        return [
            text if distance == NONE else f"{text.removesuffix(END)}{HINT}{distance}{END}"
            for text, distance in zip(self.texts(observations), food_distances(observations).tolist(), strict=True)
        ]

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> BoardState:
        """Return what a prompt's ids say; padding and anything after the prompt are skipped.

        Raises:
            UsageError: the ids are not a prompt of this encoding.
        """
        vocabulary = self.vocabulary
        text = "".join(vocabulary[int(i)] for i in ids if i > UNK and i not in ACTIONS)
        for bare, written in self.joints:
            text = text.replace(bare, written)
        try:
            if not (text.startswith(START) and text.endswith(END)):
                raise ValueError(text)
            return self.parse(text)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            msg = f"not a prompt of the encoding {self.name!r} for a board of size {self.size}: {text[:80]!r}"
            raise UsageError(msg) from error


def steps_around(state: BoardState) -> tuple[int, ...]:
    """Return the cells beside the head that lie on the board: those of which `free` speaks."""
    row, column = divmod(state.snake[0], state.size)
    around = ((row + down, column + right) for down, right in STEPS)
    return tuple(r * state.size + c for r, c in around if 0 <= r < state.size and 0 <= c < state.size)


def each(cells: Iterable[int]) -> list[tuple[int, ...]]:
    """Return the places of tokens that speak of one cell each; -1 stands for no cell."""
    return [(cell,) if cell >= 0 else () for cell in cells]


def states(observations: Observations) -> list[BoardState]:
    """Return what the prompts of a batch say."""
    size = int(observations.constants["size"])
    free = free_moves(observations)
    boards = np.asarray(observations.columns["board"]).reshape(len(observations), -1)
    return [
        BoardState(
            size,
            tuple(int(c) for c in observations.columns["snake"][row][: int(observations.lengths["snake"][row])]),
            int(observations.columns["food"][row]),
            tuple(int(c) for c in np.flatnonzero(boards[row] == WALL)),
            tuple(int(f) for f in free[row]),
            int(idle) * size,
        )
        for row, idle in enumerate(idle_steps(observations))
    ]

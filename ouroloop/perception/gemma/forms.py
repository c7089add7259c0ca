"""The one shape of an answer with a board: which token may stand where.

Everything in `{"board": ["..^", ...]}` but the signs is known beforehand. With a form, a model chooses only among the signs,
and only where one has to come; the reply is always a board.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ouroloop.perception.gemma.words import board_text, glyph_rows, pieces, written
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sight, Task


@dataclass(frozen=True, slots=True)
class Form:
    """The tokens of a board's text.

    Args:
        template: (T,) int64, the answer in which each cell is of class 0.
        places: (C,) int64, where in it each cell's token is, in reading order.
        signs: (C, K) int64, the token of each class at each cell.
    """

    template: NDArray[np.int64]
    places: NDArray[np.int64]
    signs: NDArray[np.int64]

    def fill(self, classes: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the answers for the class of each cell: (B, C) to (B, T) int64."""
        answers = np.repeat(self.template[None], len(classes), axis=0)
        answers[:, self.places] = self.signs[np.arange(len(self.places)), classes.astype(np.int64)]
        return answers

    def allowed(self, step: int) -> NDArray[np.int64]:
        """Return the tokens that may come as number `step` of the answer."""
        cell = np.flatnonzero(self.places == step)
        return self.signs[cell[0]] if len(cell) else self.template[step : step + 1]


def board_form(tokenizer: Any, sight: Sight) -> Form:
    """Return the form of boards in a tokenizer's tokens.

    A tokenizer that writes every board with a token per cell, as ours does, is used as it is. Others join several signs into a
    token; for them the text is put together from the pieces between the signs, and from single signs.

    Raises:
        UsageError: a sign is no token of its own.
    """
    whole = _whole(tokenizer, sight)
    return whole if whole is not None else _pieced(tokenizer, sight)


def _whole(tokenizer: Any, sight: Sight) -> Form | None:
    cells = sight.side * sight.side
    rows = [_ids(tokenizer, board_text(glyph_rows([kind] * cells, sight))) for kind in range(sight.classes)]
    if len({len(row) for row in rows}) > 1:
        return None
    table = np.array(rows, np.int64)
    places = np.flatnonzero((table != table[0]).any(0))
    if len(places) != cells or any(len(set(table[:, place])) < sight.classes for place in places):
        return None
    form = Form(table[0], places, table[:, places].T.copy())
    mixed = np.arange(cells)[None] % sight.classes
    same = _ids(tokenizer, board_text(glyph_rows([int(kind) for kind in mixed[0]], sight))) == form.fill(mixed)[0].tolist()
    return form if same else None


def _pieced(tokenizer: Any, sight: Sight) -> Form:
    singles = [_ids(tokenizer, sign) for sign in written(sight)]
    for sign, ids in zip(written(sight), singles, strict=True):
        if len(ids) != 1:
            raise UsageError(f"the tokenizer writes the sign {sign!r} as {len(ids)} tokens, expected one: ask with way = free")
    opening, between, closing = (_ids(tokenizer, piece) for piece in pieces(sight))
    row, template, places = [singles[0][0]] * sight.side, list(opening), list[int]()
    for number in range(sight.side):
        template += between if number else []
        places += range(len(template), len(template) + sight.side)
        template += row
    signs = np.array([ids[0] for ids in singles], np.int64)
    return Form(np.array([*template, *closing], np.int64), np.array(places, np.int64), np.tile(signs, (len(places), 1)))


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def move_words(tokenizer: Any, task: Task) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return what stands for each action in an answer, its name or its number, and the token of each.

    Raises:
        UsageError: neither names nor numbers are tokens of their own.
    """
    numbers = tuple(map(str, range(len(task.actions))))
    for words in (task.actions, numbers):
        tokens = [_ids(tokenizer, word) for word in words]
        if all(len(ids) == 1 for ids in tokens) and len({ids[0] for ids in tokens}) == len(words):
            return words, tuple(ids[0] for ids in tokens)
    raise UsageError(
        f"the tokenizer has no token for each of {_listed(task.actions)}, nor for their numbers: choose another model"
    )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)

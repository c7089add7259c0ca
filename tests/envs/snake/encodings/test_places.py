"""The cells that a token is said to speak of are those that its text names."""

import re

import numpy as np
import pytest
from hypothesis import given, settings

from ouroloop.envs.snake.encodings import ENCODINGS, encoding_of
from ouroloop.envs.snake.encodings.board import STEPS
from ouroloop.protocols.errors import UsageError
from tests.envs.snake.encodings.boards import batches, random_batch

LETTERS = "UDLR"


def named(name, words, size, head, tail):
    """Return the cells that the words of a prompt name, word by word, as a reader with a pencil would find them."""
    row, column = divmod(head, size)
    at, glyphs = list(divmod(tail, size)), 0
    for word in words:
        found = set()
        if name in ("ascii", "bits"):
            if re.fullmatch(r"[.#*@^v<>]|[01]{3} ", word):
                found, glyphs = {glyphs}, glyphs + 1
        elif '"free"' in word:
            around = [(row + down, column + right) for down, right in STEPS]
            found = {r * size + c for r, c in around if 0 <= r < size and 0 <= c < size}
        elif moves := re.fullmatch(r'"([UDLR]+)"', word):
            for letter in moves[1]:
                at = [a + step for a, step in zip(at, STEPS[LETTERS.index(letter)], strict=True)]
                found.add(at[0] * size + at[1])
        elif cell := re.search(r"\[(-?\d+),(-?\d+)\]", word):
            r, c = int(cell[1]), int(cell[2])
            own = name == "json" or '"head"' in word
            found = {r * size + c} if own else {(row + r) * size + column + c}
        yield found


@pytest.mark.parametrize("name", ENCODINGS)
@settings(max_examples=20)
@given(observations=batches())
def test_a_token_speaks_of_the_cells_that_its_text_names(name, observations):
    encoding = encoding_of(name, observations.constants["size"])
    (ids, mask), cells = encoding.encode_batch(observations), encoding.cells_of(observations)
    assert cells.shape[:2] == ids.shape
    assert (cells[~mask] == -1).all()
    for row in range(len(ids)):
        seen = observations.row(row)
        words = [encoding.vocabulary[token] for token in ids[row][mask[row]]]
        told = named(name, words, encoding.size, seen["snake"][0], seen["snake"][-1])
        assert [set(own.tolist()) - {-1} for own in cells[row][mask[row]]] == list(told)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_position_without_food_has_no_cell_of_food(name):
    observations = random_batch(6, 1, 0, np.random.default_rng(1), food_everywhere=False)
    cells = encoding_of(name, 6).cells_of(observations)
    assert cells.shape[:2] == encoding_of(name, 6).encode_batch(observations)[0].shape
    with pytest.raises(UsageError, match="boards of 5"):
        encoding_of(name, 5).cells_of(observations)

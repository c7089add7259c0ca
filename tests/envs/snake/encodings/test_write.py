"""The kernels take any integer type, count what they write, and refuse what lies off the board."""

import numpy as np
import pytest

from ouroloop.envs.snake.encodings import ENCODINGS, encoding_of
from ouroloop.envs.snake.encodings.board import WALL, free_moves
from ouroloop.envs.snake.encodings.write import batch_of
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.records import Observations
from tests.envs.snake.encodings.boards import random_batch

EVERY = pytest.mark.parametrize("name", ENCODINGS)


def batch(count=6, walls=2):
    return random_batch(7, count, walls, np.random.default_rng(3))


@EVERY
def test_types_and_memory_order_do_not_matter(name):
    seen = batch()
    columns = {key: np.asfortranarray(column.astype(np.int64)) for key, column in seen.columns.items()}
    other = Observations(seen.constants, columns, {"snake": seen.lengths["snake"].astype(np.int64)})
    for one, two in zip(encoding_of(name, 7).encode_batch(seen), encoding_of(name, 7).encode_batch(other), strict=True):
        assert np.array_equal(one, two)
        assert one.dtype == two.dtype


@EVERY
def test_rows_do_not_depend_on_their_neighbours(name):
    seen, encoding = batch(), encoding_of(name, 7)
    ids, mask = encoding.encode_batch(seen)
    for row in range(len(seen)):
        alone, whole = encoding.encode_batch(seen.take([row]))
        assert whole.all()
        assert np.array_equal(alone[0], ids[row][mask[row]])
    assert encoding.encode_batch(seen.take([]))[0].shape[0] == 0


def test_counts_of_walls():
    seen = batch()
    assert batch_of(seen).walls.tolist() == (np.asarray(seen.columns["board"]) == WALL).sum(axis=1).tolist() == [0, 2] * 3


@pytest.mark.parametrize("name", ["path", "cells"])
def test_free_is_what_the_arrays_say(name):
    seen, encoding = batch(40), encoding_of(name, 7)
    said = [encoding.decode(row).free for row in encoding.encode_batch(seen)[0]]
    assert np.array_equal(said, free_moves(seen))


@EVERY
@pytest.mark.parametrize(("column", "value"), [("snake", 49), ("snake", -1), ("food", 49)])
def test_a_cell_off_the_board_is_refused(name, column, value):
    seen = batch(2)
    seen.columns[column][1] = value
    with pytest.raises(UsageError, match=r"not on its board: expected cells 0\.\.48 and a length >= 1"):
        encoding_of(name, 7).encode_batch(seen)


@pytest.mark.parametrize("length", [0, 50])
def test_a_length_that_cannot_be_is_refused(length):
    seen = batch(2)
    seen.lengths["snake"][0] = length
    with pytest.raises(UsageError, match="length"):
        encoding_of("path", 7).encode_batch(seen)

"""Cell classes to boards: exact where the classes are right, never an exception where they are not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ouroloop.envs.snake.drawing.cells import BODY, CLASSES, EMPTY, FOOD, HEAD, label
from ouroloop.envs.snake.sight.decode import decode
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.records import Observations


def certain(classes):
    """Return probabilities that are one for the given classes."""
    return np.eye(CLASSES, dtype=np.float32)[classes]


def likely(classes):
    """Return probabilities of 0.93 for the given classes and 0.01 for each other."""
    return (certain(classes) * 0.92 + 0.01).astype(np.float32)


def winding(size):
    """Return the observation of a won board: a snake that covers every cell, row by row, to and fro."""
    cells = np.arange(size * size, dtype=np.int16).reshape(size, size)
    cells[1::2] = cells[1::2, ::-1]
    board = np.ones((1, size * size), np.uint8)
    board[0, 0] = 2
    columns = {"board": board, "snake": cells.reshape(1, -1), "food": np.array([-1], np.int16), "idle": np.zeros(1, np.int32)}
    return Observations({"size": size}, columns, {"snake": np.array([size * size], np.int32)})


@settings(max_examples=25, deadline=None)
@given(size=st.integers(4, 10), walls=st.sampled_from([0.0, 0.1]), seed=st.integers(0, 2**31 - 1))
def test_true_classes_give_back_the_state(size, walls, seed):
    truth = SnakeTask(size, walls).positions(seed, 12).observations()
    read = decode(certain(label(truth)), size)
    assert read.exact(truth).all()
    assert not read.repaired.any()
    assert (read.confidence == 1).all()
    for row in range(len(truth)):
        length = int(truth.lengths["snake"][row])
        assert read.snake[row, :length].tolist() == truth.row(row)["snake"]
        assert (read.board[row] == truth.columns["board"][row]).all()


@pytest.mark.parametrize("size", [4, 5, 6])
def test_a_full_board_has_no_food_and_is_exact(size):
    truth = winding(size)
    read = decode(certain(label(truth)), size)
    assert read.exact(truth).all()
    assert read.food.tolist() == [-1]
    assert not read.repaired.any()


def test_labels_name_the_direction_towards_the_head():
    classes = label(winding(4)).reshape(4, 4)
    up, left, right = BODY, BODY + 2, BODY + 3
    assert classes.tolist() == [
        [HEAD, left, left, left],
        [right, right, right, up],
        [up, left, left, left],
        [right, right, right, up],
    ]


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 3), st.just(16), st.just(CLASSES)), elements=st.floats(0, 1, width=32)),
)
def test_any_probabilities_give_a_consistent_board(probabilities):
    read = decode(probabilities, 4)
    for row in range(len(read)):
        snake = read.snake[row, : read.lengths[row]].tolist()
        assert len(set(snake)) == len(snake) >= 1
        assert all(abs(a // 4 - b // 4) + abs(a % 4 - b % 4) == 1 for a, b in itertools.pairwise(snake))
        board = read.board[row]
        assert np.flatnonzero(board == 2).tolist() == snake[:1]
        assert sorted(np.flatnonzero(board == 1).tolist()) == sorted(snake[1:])
        assert np.flatnonzero(board == 3).tolist() == ([read.food[row]] if read.food[row] >= 0 else [])


def test_numbers_that_are_no_probabilities_do_not_raise():
    for value in (np.nan, np.inf, -np.inf, 0.0):
        read = decode(np.full((2, 25, CLASSES), value, np.float32), 5)
        assert (read.lengths >= 1).all()


@settings(max_examples=60, deadline=None)
@given(size=st.integers(4, 8), seed=st.integers(0, 2**31 - 1), data=st.data())
def test_one_misread_cell_is_mended_where_the_truth_is_the_second_guess(size, seed, data):
    """A body cell that reads as empty, and a second head or food: each contradicts the rest of the board."""
    truth = SnakeTask(size).positions(seed, 1).observations()
    right = label(truth)
    snake = truth.row(0)["snake"]
    empty = np.flatnonzero(right[0] == EMPTY)
    damages = [(cell, EMPTY) for cell in snake[1:-1]] + [(int(cell), kind) for cell in empty for kind in (HEAD, FOOD)]
    cell, kind = data.draw(st.sampled_from(damages))
    wrong = right.copy()
    wrong[0, cell] = kind
    probabilities = likely(wrong)
    probabilities[0, cell, [kind, right[0, cell]]] = 0.5, 0.44
    read = decode(probabilities, size)
    assert read.exact(truth).all()
    assert read.repaired.all()
    assert read.confidence[0] == pytest.approx(0.44)


def test_a_missing_head_and_food_are_found_by_probability():
    truth = SnakeTask(6).positions(3, 1).observations()
    right = label(truth)
    wrong = right.copy()
    wrong[(right == HEAD) | (right == FOOD)] = EMPTY
    probabilities = likely(wrong)
    for kind in (HEAD, FOOD):
        probabilities[right == kind, kind] = 0.3
    read = decode(probabilities, 6)
    assert read.exact(truth).all()
    assert read.repaired.all()


def test_a_board_is_read_alike_in_any_batch():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(CLASSES), (20, 36)).astype(np.float32)
    together, alone = decode(probabilities, 6), decode(probabilities[7:8], 6)
    for name in ("board", "snake", "lengths", "food", "confidence", "repaired"):
        assert (getattr(together, name)[7:8] == getattr(alone, name)).all()


def test_the_size_comes_from_the_task():
    assert [SnakeTask(size).sight.side for size in (4, 7)] == [4, 7]

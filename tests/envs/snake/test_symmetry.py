"""The symmetries are those of the square, and the game cannot tell a position from its image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouroloop.envs.snake.encodings import encoding_of
from ouroloop.envs.snake.encodings.board import STEPS, free_moves
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.symmetry import (
    ACTIONS_UNDER,
    COMPOSED,
    INVERSE,
    SYMMETRIC,
    SYMMETRIES,
    cells_under,
    check_symmetric,
    permute_targets,
    transform,
)
from ouroloop.policy.sft.data import Lessons, Teaching, targets_of
from ouroloop.policy.sft.school import mirrored
from ouroloop.protocols.errors import UsageError
from tests.envs.snake.encodings.boards import batches

EVERY = np.arange(SYMMETRIES)


def some(count, seed):
    return np.random.default_rng(seed).integers(0, SYMMETRIES, count)


def equal(a, b):
    assert a.constants == b.constants
    for one, other in ((a.columns, b.columns), (a.lengths, b.lengths)):
        assert one.keys() == other.keys()
        for key in one:
            assert one[key].dtype == other[key].dtype
            assert np.array_equal(one[key], other[key]), key


def test_quarter_turns_and_mirrors_of_the_moves():
    up, down, left, right = range(4)
    assert ACTIONS_UNDER[0].tolist() == [up, down, left, right]
    assert ACTIONS_UNDER[1].tolist() == [left, right, down, up]
    assert ACTIONS_UNDER[4].tolist() == [up, down, right, left]
    assert len({tuple(row) for row in ACTIONS_UNDER.tolist()}) == SYMMETRIES
    assert (np.sort(ACTIONS_UNDER, axis=1) == np.arange(4)).all()


@pytest.mark.parametrize("size", [4, 5, 10])
def test_a_neighbours_image_is_the_images_neighbour(size):
    cells = cells_under(size)
    assert (np.sort(cells, axis=1) == np.arange(size**2)).all()
    for which in EVERY:
        for cell in range(size**2):
            for action, (down, right) in enumerate(STEPS):
                row, column = cell // size + down, cell % size + right
                if 0 <= row < size and 0 <= column < size:
                    step = STEPS[ACTIONS_UNDER[which, action]]
                    image = divmod(int(cells[which, cell]), size)
                    assert cells[which, row * size + column] == (image[0] + step[0]) * size + image[1] + step[1]


def test_the_square_turned_left():
    assert cells_under(3)[1].reshape(3, 3)[0].tolist() == [6, 3, 0]
    assert cells_under(3)[4].reshape(3, 3)[0].tolist() == [2, 1, 0]


@settings(max_examples=30, deadline=None)
@given(observations=batches(), seed=st.integers(0, 2**32))
def test_group_laws(observations, seed):
    a, b = some(len(observations), seed), some(len(observations), seed + 1)
    equal(transform(observations, np.zeros_like(a)), observations)
    equal(transform(transform(observations, a), INVERSE[a]), observations)
    equal(transform(transform(observations, b), a), transform(observations, COMPOSED[a, b]))
    assert np.array_equal(ACTIONS_UNDER[COMPOSED[a, b]], np.take_along_axis(ACTIONS_UNDER[a], ACTIONS_UNDER[b].astype(int), 1))
    assert (COMPOSED[a, INVERSE[a]] == 0).all()
    targets = np.random.default_rng(seed).random((len(a), 4)).astype(np.float32)
    moved = permute_targets(targets, a)
    for row, which in enumerate(a):
        for action in range(4):
            assert moved[row, ACTIONS_UNDER[which, action]] == targets[row, action]
    assert np.array_equal(permute_targets(moved, INVERSE[a]), targets)


@settings(max_examples=30, deadline=None)
@given(observations=batches(), seed=st.integers(0, 2**32))
def test_prompts_say_the_image(observations, seed):
    """Board, snake, food and walls of the image agree with one another, padding of the snakes stays 0, idle stays."""
    which = some(len(observations), seed)
    image = transform(observations, which)
    encoding = encoding_of("cells", observations.constants["size"])
    cells = cells_under(encoding.size)
    before, after = ([encoding.decode(ids) for ids in encoding.encode_batch(seen)[0]] for seen in (observations, image))
    for one, other, w in zip(before, after, which, strict=True):
        assert other.snake == tuple(cells[w, list(one.snake)])
        assert other.food == (cells[w, one.food] if one.food >= 0 else -1)
        assert other.walls == tuple(sorted(cells[w, list(one.walls)]))
        assert other.idle == one.idle
    assert np.array_equal(permute_targets(free_moves(observations), which), free_moves(image))
    beyond = np.arange(image.columns["snake"].shape[1]) >= image.lengths["snake"][:, None]
    assert (image.columns["snake"][beyond] == 0).all()


@pytest.mark.parametrize("walls", [0.0, 0.15])
def test_the_image_of_a_move_is_the_move_of_the_image(walls):
    """In the real engine: the same deaths, meals, lengths and snakes, whatever the symmetry and the move."""
    from ouroloop.envs.snake.task import SnakeTask

    task = SnakeTask(7, walls=walls)
    observations = task.positions(3, 250).observations()
    deaths = meals = 0
    for which in EVERY:
        rows = np.full(len(observations), which)
        for action in range(4):
            own, other = (
                SnakeEngine.of(observations, task.settings),
                SnakeEngine.of(transform(observations, rows), task.settings),
            )
            own.step(np.full(len(rows), action))
            other.step(ACTIONS_UNDER[rows, action])
            assert np.array_equal(own.outcomes().cause, other.outcomes().cause)
            assert np.array_equal(own.lengths, other.lengths)
            assert np.array_equal(own.idle, other.idle)
            ate = own.lengths > observations.lengths["snake"]
            deaths, meals = deaths + own.done.sum(), meals + ate.sum()
            # New food falls elsewhere: where it does is no part of the rules.
            same = np.flatnonzero(~own.done & ~ate)
            equal(transform(own.observations(same), rows[same]), other.observations(same))
            fed = np.flatnonzero(~own.done & ate)
            images = transform(own.observations(fed), rows[fed]).columns["snake"]
            assert np.array_equal(images, other.observations(fed).columns["snake"])
    assert deaths > 100
    assert meals > 100


@pytest.mark.parametrize(("teacher", "least"), [("astar", 1.0), ("random", 1.0), ("greedy", 0.95), ("best", 0.95)])
def test_symmetric_teachers_teach_the_image_alike(task, teacher, least):
    engine = task.positions(5, 300)
    teaching = Teaching(teacher, 0.0, True)
    targets, observations = targets_of(task, teaching, engine), engine.observations()
    which = some(len(observations), 1)
    image = SnakeEngine.of(transform(observations, which), task.settings, engine.state.keys)
    same = np.abs(targets_of(task, teaching, image) - permute_targets(targets, which)).max(axis=1) < 1e-6
    assert same.mean() >= least
    check_symmetric(teacher)


def test_a_teacher_on_a_fixed_way_is_refused():
    with pytest.raises(UsageError, match=r"the teacher 'cycle', .* choose one of astar, greedy, best, random"):
        check_symmetric("cycle")
    assert "cycle" not in SYMMETRIC


def test_lessons_are_mirrored_whole(task):
    observations = task.positions(2, 16).observations()
    lessons = Lessons(observations, np.eye(4, dtype=np.float32)[np.arange(16) % 4], observations.lengths["snake"])
    image = mirrored(lessons, task.symmetry, np.full(16, 1))
    assert image.targets.argmax(axis=1).tolist() == [2, 3, 1, 0] * 4
    equal(image.positions, transform(observations, np.full(16, 1)))
    assert np.array_equal(image.lengths, lessons.lengths)

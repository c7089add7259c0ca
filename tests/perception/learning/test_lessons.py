"""Lessons: what they show agrees with what they say of it, they never draw a held-out look, and they follow from the seed."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from ouroloop.envs.snake.drawing.cells import BODY, HEAD, WALL, label
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import ReaderConfig, perfect
from ouroloop.perception.learning.lessons import Lessons, ahead
from ouroloop.perception.learning.positions import VARIANTS, gather
from tests.games.balance.task import BalanceTask

TASKS = (SnakeTask(4), SnakeTask(6))
SHAKEN = ReaderConfig(cells=1500, batch_cells=144, pool=3, redraw=2)
CLEAN = SHAKEN.model_copy(update={"named": 1.0, "cell_px": (8,), "camera": perfect()})


def test_clean_lessons_show_the_boards_that_they_name():
    for lesson in islice(Lessons(TASKS, CLEAN, 1), 4):
        side = lesson.classes.shape[1]
        assert lesson.straight.shape == (len(lesson.classes), 8 * side, 8 * side, 3)
        for picture, classes in zip(lesson.straight, lesson.classes, strict=True):
            cells = picture.reshape(side, 8, side, 8, 3).swapaxes(1, 2)
            for kind in np.unique(classes):
                alike = cells[classes == kind]
                assert (alike == alike[0]).all()


def test_what_is_said_of_how_pictures_lie_is_true():
    lesson = next(Lessons((SnakeTask(6),), CLEAN, 2))
    down, right = (np.angle(lesson.phases[..., 2 * way] + 1j * lesson.phases[..., 2 * way + 1]) / (2 * np.pi) for way in (0, 1))
    assert np.allclose(down, down[:, :1, :1], atol=1e-5)
    assert np.allclose(right, right[:, :1, :1], atol=1e-5)
    moved = (np.round(8 * down[:, 0, 0]).astype(int), np.round(8 * right[:, 0, 0]).astype(int))
    assert len(set(zip(*moved, strict=True))) > 3
    for row, (y, x) in enumerate(zip(*moved, strict=True)):
        if y == -4 or x == -4:  # half a cell up is half a cell down
            continue
        straight = lesson.straight[row, 8:-8, 8:-8]
        assert (lesson.seen[row, 8 + y : 40 + y, 8 + x : 40 + x] == straight).all()


def test_held_out_looks_are_never_drawn():
    lessons, held_out = Lessons(TASKS, SHAKEN, 3), TASKS[0].sight.held_out
    asked = []
    sight = type(TASKS[0].sight)
    drawn = sight.sheet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sight, "sheet", lambda self, look, px: (asked.append(look), drawn(self, look, px))[1])
        list(islice(lessons, 6))
    assert set(asked) == set(TASKS[0].sight.looks)
    assert not set(asked) & set(held_out)


def test_lessons_follow_from_the_seed_and_random_looks_are_drawn_anew():
    one, two, other = (list(islice(Lessons(TASKS, SHAKEN, seed), 4)) for seed in (4, 4, 5))
    for a, b in zip(one, two, strict=True):
        assert (a.straight == b.straight).all()
        assert (a.seen == b.seen).all()
        assert (a.phases == b.phases).all()
    assert any(
        a.straight.shape != b.straight.shape or (a.straight != b.straight).any() for a, b in zip(one, other, strict=True)
    )
    assert {lesson.classes.shape[1] for lesson in one + other} == {4, 6}


def test_another_thread_draws_the_same_lessons():
    early = ahead(iter(Lessons(TASKS, SHAKEN, 4)))
    for ours, theirs in zip(islice(early, 3), Lessons(TASKS, SHAKEN, 4), strict=False):
        assert (ours.straight == theirs.straight).all()
    early.close()


def test_gather_keeps_each_position_once_and_moves_its_other_copies_on():
    calm = SnakeTask(6).positions(11, 16).observations()
    mixed = gather(SnakeTask(6), 11, 64)
    classes = label(mixed)
    assert (calm.columns["board"] == mixed.columns["board"][::VARIANTS]).all()
    moved = (np.repeat(calm.columns["snake"], VARIANTS, axis=0) != mixed.columns["snake"]).any(1)
    assert moved.sum() > 40
    assert ((classes == HEAD).sum(1) == 1).all()
    assert ((classes >= BODY).sum(1) == mixed.lengths["snake"] - 1).all()
    assert not (classes == WALL).any()


def test_a_game_without_sight_gives_no_lessons():
    with pytest.raises(ValueError, match="balance cannot be read out of its pictures"):
        Lessons((BalanceTask(),), SHAKEN, 0)

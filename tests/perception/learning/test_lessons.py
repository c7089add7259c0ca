"""Lessons: what they show agrees with what they say of it, they never draw a held-out look, and they follow from the seed."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from ouroloop.envs.snake.drawing.cells import BODY, HEAD, WALL, label
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import ReaderConfig, perfect
from ouroloop.perception.learning.lessons import Lessons, ahead
from ouroloop.perception.learning.positions import VARIANTS, gather, varied
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


def test_named_looks_are_the_games_own_in_six_of_ten_boards():
    lessons = Lessons((SnakeTask(4),), SHAKEN.model_copy(update={"named": 1.0, "cells": 64, "batch_cells": 6400}), 7)
    asked, compose = [], type(lessons.tasks[0].sight).compose
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(lessons.tasks[0].sight), "compose", lambda *given: (asked.append(given[3]), compose(*given))[1])
        list(islice(lessons, 5))
    drawn = np.bincount(np.concatenate(asked), minlength=5) / 2000
    assert drawn[0] == pytest.approx(0.6, abs=0.05)
    assert drawn[1:5] == pytest.approx([0.1] * 4, abs=0.04)


def test_walls_come_to_positions_that_were_left_alone_as_often_as_to_others():
    """A reader that saw no walls in positions of good play would take walls for a sign of bad play."""
    walls = (label(varied(SnakeTask(6), 3, 1600)) == WALL).any(1)
    alone = np.arange(1600) % VARIANTS == 0
    assert 0.25 < walls[alone].mean() < 0.6
    assert walls[alone].mean() == pytest.approx(walls[~alone].mean(), abs=0.1)


def test_one_integer_gives_each_of_its_draws_a_generator_of_its_own():
    with pytest.MonkeyPatch.context() as patch:
        seeds, make = [], np.random.default_rng
        patch.setattr(np.random, "default_rng", lambda seed=None: (seeds.append(seed), make(seed))[1])
        varied(SnakeTask(4), 1234, 8)
    assert len(seeds) == len(set(seeds))
    assert seeds.count(1234) <= 1


def test_a_game_without_sight_gives_no_lessons():
    with pytest.raises(ValueError, match="balance cannot be read out of its pictures"):
        Lessons((BalanceTask(),), SHAKEN, 0)

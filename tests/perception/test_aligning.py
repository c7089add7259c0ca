"""How pictures lie: poses are found from what each cell says, and undone."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.aligning import Poses, _without_slight, fitted, offsets, straightened
from ouroloop.perception.cellnet import CELL_PX
from ouroloop.perception.optics import turned


def told(poses, side, sure):
    """Return what a lattice network says that is sure of a share of the cells and says nothing of the others."""
    ways = [2 * np.pi * way for way in offsets(poses, side)]
    phases = np.stack([turn(way) for way in ways for turn in (np.cos, np.sin)], axis=-1)
    speaks = np.random.default_rng(1).random(phases.shape[:3]) < sure
    return (phases * speaks[..., None]).astype(np.float32)


@pytest.mark.parametrize(("side", "sure"), [(8, 1.0), (20, 0.5), (64, 0.1)])
def test_turn_and_shift_are_found_although_cells_know_them_up_to_whole_cells_alone(side, sure):
    rng = np.random.default_rng(side)
    poses = Poses(np.radians(rng.uniform(-3, 3, 20)), rng.uniform(-0.2, 0.2, 20), rng.uniform(-0.2, 0.2, 20))
    found = fitted(told(poses, side, sure))
    for true, seen in zip(offsets(poses, side), offsets(found, side), strict=True):
        assert np.abs(true - seen).max() < 0.12
    assert max(np.abs(way).max() for way in offsets(poses, 64)) > 1.5  # the outermost cells lie in their neighbours' places


def test_cells_that_say_nothing_leave_a_picture_as_it_is():
    nothing = fitted(np.zeros((3, 6, 6, 4), np.float32))
    assert not nothing.angles.any()
    assert not nothing.down.any()
    assert not nothing.right.any()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
    assert (straightened(pixels, nothing) == pixels).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_answers_that_are_no_numbers_say_nothing(odd):
    poses = Poses(np.radians([2.0]), np.array([0.1]), np.array([-0.1]))
    phases = told(poses, 20, 1.0)
    some = phases.copy()
    some[:, 3, 4:9, 0] = odd
    silent = phases.copy()
    silent[:, 3, 4:9, :2] = 0
    for one, two in zip(offsets(fitted(some), 20), offsets(fitted(silent), 20), strict=True):
        assert (one == two).all()
    nothing = fitted(np.full((2, 6, 6, 4), odd, np.float32))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3)).astype(np.uint8)
    assert (straightened(pixels, nothing) == pixels).all()


def test_a_shift_that_is_no_number_is_none():
    slight = _without_slight(Poses(np.zeros(2), np.array([np.nan, 0.2]), np.array([0.1, 0.0])), 8)
    assert slight.down.tolist() == [0.0, 0.2]
    assert slight.right.tolist() == [0.0, 0.0]


def test_a_picture_is_turned_back():
    task = SnakeTask(10)
    pixels = task.render(task.positions(3, 4).observations())
    angles, down, right = np.radians([2.0, -1.5, 0.0, 1.0]), np.array([0.0, 3.0, -2.0, 1.0]), np.array([0.0, 1.0, 2.0, 0.0])
    lying = turned(pixels, angles, down, right)
    shift = (np.cos(angles) * down - np.sin(angles) * right, np.sin(angles) * down + np.cos(angles) * right)
    back = straightened(lying, Poses(angles, shift[0] / CELL_PX, shift[1] / CELL_PX))
    inner = np.s_[:, 12:-12, 12:-12]
    before, after = (np.abs(one[inner].astype(int) - pixels[inner]).mean() for one in (lying, back))
    assert before > 5
    assert after < before / 2

"""Observations that were seen: what is replaced, what passes through, and what a bad camera does."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import perfect
from ouroloop.perception.perceive import VisionPerception
from ouroloop.perception.reader import load_reader
from tests.perception.small import train

TASK = SnakeTask(4)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Return a reader that is nearly perfect on clean pictures."""
    out = tmp_path_factory.mktemp("readers") / "small"
    train(out, 1, width=24, steps=250)
    return load_reader(out, TASK)


def vision(reader, **changes):
    return VisionPerception(reader, Camera(TASK, perfect(**changes)))


def test_what_is_seen_is_what_is_there_and_counters_pass_through(reader):
    truth = TASK.positions(42, 300).observations()
    perceive = vision(reader)
    seen = perceive(truth)
    assert seen.constants == truth.constants
    assert set(seen.columns) == set(truth.columns)
    for key, column in truth.columns.items():
        assert seen.columns[key].dtype == column.dtype
        assert seen.columns[key].shape == column.shape
    assert seen.lengths["snake"].dtype == truth.lengths["snake"].dtype
    assert (seen.columns["idle"] == truth.columns["idle"]).all()
    exact = np.mean([seen.row(i) == truth.row(i) for i in range(300)])
    assert exact > 0.9
    assert perceive.exact == pytest.approx(exact)


def test_what_was_there_is_kept_as_the_scene_and_is_what_is_looked_at_again(reader):
    truth = TASK.positions(8, 50).observations()
    poor = vision(reader, noise=1.5)
    seen = poor(truth)
    assert seen.scene is truth
    assert poor.exact < 1
    again = vision(reader)(seen)
    assert again.scene is truth
    assert (again.columns["board"] == vision(reader)(truth).columns["board"]).all()
    assert (seen.take([3, 1]).scene.columns["food"] == truth.columns["food"][[3, 1]]).all()


def test_the_reading_knows_nothing_but_the_picture(reader):
    """Columns that no picture shows are scrambled: what is read stays the same."""

    class Painting:
        """Takes the same pictures whatever it is asked for."""

        def __init__(self, pixels):
            self.pixels = pixels

        def look(self, observations):
            return self.pixels

    truth, other = TASK.positions(1, 50).observations(), TASK.positions(2, 50).observations()
    seen, expected = VisionPerception(reader, Painting(TASK.render(truth)))(other), vision(reader)(truth)
    for key in ("board", "snake", "food"):
        assert (seen.columns[key] == expected.columns[key]).all()
    assert (seen.columns["idle"] == other.columns["idle"]).all()


def test_heavy_noise_costs_accuracy_and_is_counted(reader):
    truth = TASK.positions(7, 200).observations()
    clean, noisy = vision(reader), vision(reader, noise=1.5)
    clean(truth)
    noisy(truth)
    assert noisy.exact < clean.exact - 0.2
    assert noisy.sight.boards == 200
    assert noisy.sight.repaired > clean.sight.repaired
    noisy(truth)
    assert noisy.sight.boards == 400


def test_a_camera_may_have_other_cells(reader):
    truth = TASK.positions(7, 50).observations()
    assert vision(reader, cell_px=16).look(truth).shape == (50, 64, 64, 3)
    assert vision(reader, cell_px=16)(truth).scene is truth


def test_an_empty_batch_is_seen_as_one(reader):
    perceive = vision(reader, noise=0.1)
    assert len(perceive(TASK.positions(7, 3).observations().take(slice(0, 0)))) == 0
    assert perceive.exact == 1.0

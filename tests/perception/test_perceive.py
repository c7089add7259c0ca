"""Observations that were seen: what is replaced, what passes through, and what noise does."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import ReaderConfig
from ouroloop.perception.perceive import VisionPerception, add_noise
from ouroloop.perception.reader import load_reader
from ouroloop.perception.training import train_reader
from ouroloop.protocols.errors import UsageError

TASK = SnakeTask(4)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Return a reader for 4x4 that is nearly perfect on clean pictures."""
    out = tmp_path_factory.mktemp("readers") / "small"
    config = ReaderConfig(width=32, depth=1, boards=512, steps=200, batch_cells=512, rate=1e-2, threads=1)
    train_reader(TASK, config, 1, out, lambda phase, share, figures: None)
    return load_reader(out, TASK, threads=1)


def test_what_is_seen_is_what_is_there_and_counters_pass_through(reader):
    truth = TASK.positions(42, 300).observations()
    vision = VisionPerception(reader, TASK)
    seen = vision(truth)
    assert seen.constants == truth.constants
    assert set(seen.columns) == set(truth.columns)
    for key, column in truth.columns.items():
        assert seen.columns[key].dtype == column.dtype
        assert seen.columns[key].shape == column.shape
    assert seen.lengths["snake"].dtype == truth.lengths["snake"].dtype
    assert (seen.columns["idle"] == truth.columns["idle"]).all()
    exact = np.mean([seen.row(i) == truth.row(i) for i in range(300)])
    assert exact > 0.98
    assert vision.exact == pytest.approx(exact)


def test_the_reading_knows_nothing_but_the_picture(reader):
    """Columns that the renderer does not draw from are scrambled: what is read stays the same."""

    class Painting:
        """Draws the same pictures whatever it is asked for."""

        def __init__(self, pixels):
            self.pixels = pixels

        def render(self, observations, cell_px=8):
            return self.pixels

    truth, other = TASK.positions(1, 50).observations(), TASK.positions(2, 50).observations()
    painting = Painting(TASK.render(truth, reader.cell_px))
    seen, expected = VisionPerception(reader, painting)(other), VisionPerception(reader, TASK)(truth)
    for key in ("board", "snake", "food"):
        assert (seen.columns[key] == expected.columns[key]).all()
    assert (seen.columns["idle"] == other.columns["idle"]).all()


def test_heavy_noise_costs_accuracy_and_is_counted(reader):
    truth = TASK.positions(7, 200).observations()
    clean, noisy = VisionPerception(reader, TASK), VisionPerception(reader, TASK, noise=1.5)
    clean(truth)
    noisy(truth)
    assert noisy.exact < clean.exact - 0.2
    assert noisy.sight.boards == 200
    assert noisy.sight.repaired > clean.sight.repaired
    noisy(truth)
    assert noisy.sight.boards == 400


def test_an_empty_batch_is_seen_as_one(reader):
    vision = VisionPerception(reader, TASK, noise=0.1)
    assert len(vision(TASK.positions(7, 3).observations().take(slice(0, 0)))) == 0
    assert vision.exact == 1.0


def test_noise_follows_the_picture_and_the_seed_not_the_batch():
    pixels = TASK.render(TASK.positions(3, 20).observations(), 8)
    noisy = add_noise(pixels, 0.1, 5)
    assert (add_noise(pixels[4:6], 0.1, 5) == noisy[4:6]).all()
    assert (add_noise(pixels, 0.1, 6) != noisy).any()
    assert (add_noise(pixels, 0.0, 5) == pixels).all()


def test_noise_has_the_strength_asked_for():
    grey = np.full((1, 64, 64, 3), 128, np.uint8)
    difference = add_noise(grey, 0.1, 0).astype(float) - 128
    assert difference.std() == pytest.approx(25.5, rel=0.03)
    assert abs(difference.mean()) < 0.7


@pytest.mark.parametrize("noise", [-0.1, float("nan"), 11])
def test_impossible_noise_is_refused(reader, noise):
    with pytest.raises(UsageError, match="pixel noise"):
        VisionPerception(reader, TASK, noise=noise)

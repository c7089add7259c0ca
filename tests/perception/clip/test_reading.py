"""Boards read out of what CLIP sees."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.clip.encoding import scaled_encoder
from ouroloop.perception.clip.reading import READOUT, ClipReader, fit_readout, load_clip_reader
from ouroloop.perception.config import perfect
from ouroloop.protocols.errors import UsageError
from tests.perception.clip.conftest import TASK
from tests.perception.clip.test_dense import toy


def test_boards_are_read_from_pictures(trained):
    reader = load_clip_reader(trained[0], TASK)
    assert reader.cell_px == 8
    truth = TASK.positions(9, 200).observations()
    probabilities = reader.probabilities(TASK.render(truth))
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    assert (probabilities.argmax(-1) == TASK.sight.label(truth)).mean() > 0.95
    assert reader.read(TASK.render(truth)).exact(truth).mean() > 0.5


def test_a_read_out_of_patches_that_are_no_cells_reads_better_than_a_guess():
    truth, camera = TASK.positions(9, 200).observations(), Camera(TASK, perfect())
    encoder = scaled_encoder(toy(patch_size=4, width=32), camera.look(truth))
    reader = ClipReader(encoder, fit_readout(encoder, camera, truth), TASK.sight, 8)
    cells = TASK.sight.label(truth)
    commonest = np.bincount(cells.ravel()).max() / cells.size
    assert (reader.probabilities(camera.look(truth)).argmax(-1) == cells).mean() > commonest + 0.1


def test_a_reader_for_other_boards_or_none_is_refused(trained, tmp_path):
    with pytest.raises(UsageError, match="trained on boards of 4x4, not 6x6"):
        load_clip_reader(trained[0], SnakeTask(6))
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    (folder / READOUT).unlink()
    with pytest.raises(UsageError, match="has no reader"):
        load_clip_reader(folder, TASK)

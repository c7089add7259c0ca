"""The encoder: a latent per cell, standardised, the same after saving; large towers come out pooled."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig
from ouroloop.perception.eye import PictureEye, load_eye
from ouroloop.perception.gemma.encoding import CARD, STATISTICS, load_encoder, make_encoder
from ouroloop.protocols.errors import UsageError
from tests.perception.gemma.conftest import TASK

CAMERA = Camera(TASK, CameraConfig())
SEEN = TASK.positions(5, 50).observations()


@pytest.mark.parametrize(("layer", "width"), [("projected", 64), ("tower", 32)])
def test_latents_are_standardised_and_survive_saving(trained, tmp_path, layer, width):
    encoder = make_encoder(trained[0], TASK, CAMERA, layer=layer, samples=64)
    pixels = CAMERA.look(SEEN)
    latents = encoder.latents(pixels, 4)
    assert (encoder.name, encoder.width) == ("gemma", width)
    assert latents.shape == (50, *encoder.grid(32, 4), width) == (50, 4, 4, width)
    assert latents.dtype == np.float32
    assert np.abs(latents).max() <= 4
    assert abs(latents.mean()) < 0.1
    assert 0.8 < latents.std() < 1.1
    encoder.save(tmp_path / "encoder")
    again = load_encoder(tmp_path / "encoder")
    assert (again.game, again.side) == ("snake", 4)
    assert (again.latents(pixels, 4) == latents).all()
    assert again.latents(pixels[:0], 4).shape == (0, 4, 4, width)


def test_a_cell_changes_its_own_latent_most(trained):
    encoder = make_encoder(trained[0], TASK, CAMERA, samples=64)
    pixels = np.repeat(CAMERA.look(SEEN.take([0])), 2, 0)
    pixels[1, 8:16, 16:24] = 255 - pixels[1, 8:16, 16:24]
    apart = np.abs(np.subtract(*encoder.latents(pixels, 4))).mean(-1)
    assert np.unravel_index(apart.argmax(), apart.shape) == (1, 2)


def test_what_is_no_encoder_is_refused(trained, tmp_path):
    with pytest.raises(UsageError, match="no encoder at"):
        load_encoder(tmp_path)
    make_encoder(trained[0], TASK, CAMERA, samples=8).save(tmp_path / "encoder")
    (tmp_path / "encoder" / STATISTICS).write_bytes(b"junk")
    with pytest.raises(UsageError, match=r"the statistics of the encoder .* are damaged"):
        load_encoder(tmp_path / "encoder")
    (tmp_path / "encoder" / CARD).write_text("{}")
    with pytest.raises(UsageError, match=r"encoder.json of the encoder .* is damaged"):
        load_encoder(tmp_path / "encoder")


def test_a_scale_that_is_not_above_zero_is_refused(trained, tmp_path):
    make_encoder(trained[0], TASK, CAMERA, samples=8).save(tmp_path / "encoder")
    statistics = load_file(tmp_path / "encoder" / STATISTICS)
    statistics["scale"][3] = 0
    save_file(statistics, tmp_path / "encoder" / STATISTICS)
    with pytest.raises(UsageError, match=r"statistics of the encoder .* are damaged: expected scales above zero"):
        load_encoder(tmp_path / "encoder")


def test_boards_of_another_size_are_refused_also_from_an_eye(trained, tmp_path):
    encoder = make_encoder(trained[0], TASK, CAMERA, samples=8)
    with pytest.raises(UsageError, match="the Gemma was trained on boards of 4x4, not 6x6: train one for 6x6"):
        encoder.latents(np.zeros((1, 48, 48, 3), np.uint8), 6)
    PictureEye(TASK, "gemma", encoder, CameraConfig()).save(tmp_path / "eye")
    with pytest.raises(UsageError, match="the Gemma was trained on boards of 4x4, not 6x6"):
        load_eye(tmp_path / "eye", SnakeTask(6))
    path = tmp_path / "eye" / "encoder" / CARD
    card = json.loads(path.read_text())
    path.write_text(json.dumps({key: card[key] for key in ("format", "layer", "width")}))  # as cards were that named no boards
    assert load_eye(tmp_path / "eye", SnakeTask(6)).grid(SnakeTask(6).positions(0, 1).observations()) == (4, 4)


def test_pictures_of_another_form_are_refused(trained):
    encoder = make_encoder(trained[0], TASK, CAMERA, samples=8)
    with pytest.raises(UsageError, match="32 x 40 pixels, expected 4, 8, 12"):
        encoder.latents(np.zeros((1, 32, 40, 3), np.uint8), 4)
    with pytest.raises(UsageError, match="32 x 40 pixels, expected square ones"):
        encoder._tower.features(np.zeros((1, 32, 40, 3), np.uint8), "tower")

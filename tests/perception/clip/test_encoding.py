"""CLIP as an encoder: grids of scaled latents, saved and loaded, of models of ours and of any other."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from ouroloop.perception.clip.encoding import CARD, SCALES, load_encoder, scaled_encoder
from ouroloop.protocols.errors import UsageError
from tests.perception.clip.conftest import TASK
from tests.perception.clip.test_dense import toy


def test_latents_are_scaled_and_the_same_after_saving(trained, tmp_path):
    encoder = load_encoder(trained[0])
    pixels = TASK.render(TASK.positions(2, 100).observations())
    latents = encoder.latents(pixels, 4)
    assert encoder.grid(32, 4) == latents.shape[1:3] == (4, 4)
    assert (latents.dtype, latents.shape[3], encoder.width) == (np.float32, 32, 32)
    assert np.abs(latents).max() <= 4
    own = scaled_encoder(encoder.clip, pixels).latents(pixels, 4)
    assert np.abs(own.mean((0, 1, 2))).max() < 0.1
    assert 0.9 < own.std() < 1.1
    encoder.save(tmp_path / "encoder")
    again = load_encoder(tmp_path / "encoder")
    assert again.name == encoder.name
    assert (again.latents(pixels, 4) == latents).all()
    np.testing.assert_allclose(encoder.latents(pixels[40:43], 4), latents[40:43], atol=1e-4)
    assert encoder.latents(pixels[:0], 4).shape == (0, 4, 4, 32)


def test_a_clip_that_was_not_trained_on_boards_takes_pictures_of_any():
    pixels = TASK.render(TASK.positions(2, 20).observations())
    encoder = scaled_encoder(toy(image_size=48, patch_size=16), pixels)
    assert encoder.grid(32, 4) == encoder.grid(80, 10) == (3, 3)
    assert encoder.latents(pixels, 4).shape == (20, 3, 3, 12)


def test_boards_of_another_size_are_refused(trained):
    with pytest.raises(UsageError, match="trained on boards of 4x4, not 6x6"):
        load_encoder(trained[0]).grid(48, 6)


def damage_scales(folder):
    data = bytearray((folder / SCALES).read_bytes())
    data[-1] ^= 1
    (folder / SCALES).write_bytes(bytes(data))


def damage_weights(folder):
    path = folder / "open_clip_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def damage_card(folder):
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | {"format": "ouroloop-reader/1"}))


def damage_missing(folder):
    (folder / SCALES).unlink()


@pytest.mark.parametrize("damage", [damage_scales, damage_weights, damage_card, damage_missing])
def test_a_damaged_encoder_is_refused_in_one_line(trained, tmp_path, damage):
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    damage(folder)
    with pytest.raises(UsageError) as caught:
        load_encoder(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)

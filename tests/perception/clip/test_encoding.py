"""CLIP as an encoder: grids of scaled latents, saved and loaded, of models of ours and of any other."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.clip.encoding import CARD, SCALES, _parted, load_encoder, scaled_encoder
from ouroloop.perception.clip.reading import load_clip_reader
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.encoders import evenly, make_encoder, typical_boards
from ouroloop.perception.shipped import shelf
from ouroloop.protocols.errors import SurroundingsError, UsageError
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
    assert (again.name, again.game, again.side) == (encoder.name, "snake", 4)
    assert (again.latents(pixels, 4) == latents).all()
    np.testing.assert_allclose(encoder.latents(pixels[40:43], 4), latents[40:43], atol=1e-4)
    assert encoder.latents(pixels[:0], 4).shape == (0, 4, 4, 32)


def test_a_clip_that_was_not_trained_on_boards_takes_pictures_of_any():
    pixels = TASK.render(TASK.positions(2, 20).observations())
    encoder = scaled_encoder(toy(image_size=48, patch_size=16), pixels)
    assert encoder.grid(32, 4) == encoder.grid(80, 10) == (3, 3)
    assert encoder.latents(pixels, 4).shape == (20, 3, 3, 12)
    with pytest.raises(UsageError, match="32 x 32 pixels, expected 5, 10, 15"):
        encoder.latents(pixels, 5)


def test_a_folder_may_have_an_at_in_its_name(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "clip@home")
    (folder / CARD).unlink()
    assert make_encoder("clip", folder, TASK, perfect()).grid(32, 4) == (4, 4)
    assert make_encoder("clip", f"local-dir:{folder}", TASK, perfect()).side == 0
    assert _parted("hf-hub:owner/model@v1") == ("hf-hub:owner/model@v1", "")
    assert _parted("ViT-B-32@openai") == ("ViT-B-32", "openai")
    assert _parted("ViT-B-32@my@weights.pt") == ("ViT-B-32", "my@weights.pt")
    assert _parted("ViT-B-32") == ("ViT-B-32", "")


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


def change_card(folder, **keys):
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | keys))


def damage_card(folder):
    change_card(folder, format="ouroloop-reader/1")


def damage_type(folder):
    data = save({name: values.to(torch.bfloat16) for name, values in load_file(folder / SCALES).items()})
    (folder / SCALES).write_bytes(data)
    change_card(folder, latents=hashlib.sha256(data).hexdigest())


def damage_missing(folder):
    (folder / SCALES).unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_scales, "its files do not match encoder.json"),
        (damage_weights, "its files do not match encoder.json"),
        (damage_card, "is damaged: format: "),
        (damage_type, "is damaged: "),
        (damage_missing, "latents.safetensors: No such file"),
    ],
)
def test_a_damaged_encoder_is_refused_in_one_line(trained, tmp_path, damage, said):
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    damage(folder)
    with pytest.raises(UsageError, match=said) as caught:
        load_encoder(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_does_not_name_the_game_is_read(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    card = json.loads((folder / CARD).read_text())
    del card["task"]
    (folder / CARD).write_text(json.dumps(card))
    assert load_encoder(folder).game == ""
    with pytest.raises(SurroundingsError, match="cannot write the encoder"):
        load_encoder(folder).save(folder)


def test_the_one_that_ships_reads_boards_of_all_phases():
    """It comes of the default training, which takes ten minutes."""
    task = SnakeTask(6)
    camera, reader = Camera(task, CameraConfig(), 3), load_clip_reader(shelf() / "snake-clip", task)
    boards = evenly(typical_boards(task, 12, 400), 400)
    pixels = camera.look(boards)
    assert reader.read(pixels).exact(boards).mean() >= 0.98
    latents = reader.encoder.latents(pixels, 6)
    assert np.abs(latents.mean((0, 1, 2))).max() < 0.2
    assert 0.9 < latents.std((0, 1, 2)).min() < latents.std((0, 1, 2)).max() < 1.15

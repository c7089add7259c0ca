"""The autoencoder: it learns to give pictures back, is kept and opened again, and refuses what it is not made for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.encoders import open_encoder
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.perception.vae.encoding import CARD, WEIGHTS, load_encoder
from ouroloop.perception.vae.training import Studio, VaeReport, train_vae
from ouroloop.protocols.errors import UsageError

TASK = SnakeTask(4)
CONFIG = VaeConfig(image_px=32, latents=16, width=8, camera=perfect(), boards=256, steps=240, batch=32, rate=3e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VaeReport]:
    out = tmp_path_factory.mktemp("vae") / "small"
    return out, train_vae(TASK, CONFIG, 1, out, lambda *_: None)


def test_it_learns_to_give_pictures_back(trained, tmp_path):
    _, report = trained
    studio = Studio(TASK, CONFIG, 0)
    drawn = studio.pair(studio.boards(1, 300))[1]
    mean_picture = float((drawn - drawn.mean(dim=0)).square().mean().sqrt())
    assert report.error < 0.92 * mean_picture
    assert report.used > 8
    short = CONFIG.model_copy(update={"steps": 3})
    for name in ("one", "other"):
        train_vae(TASK, short, 1, tmp_path / name, lambda *_: None)
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "other" / WEIGHTS).read_bytes()


def test_a_picture_is_one_latent_of_numbers_near_one(trained):
    encoder = load_encoder(trained[0])
    pixels = Camera(TASK, CameraConfig(), 3).look(TASK.positions(5, 70).observations())
    found = encoder.latents(pixels, 4)
    assert encoder.grid(32, 4) == (1, 1)
    assert found.shape == (70, 1, 1, 16)
    assert found.dtype == np.float32
    assert np.abs(found).max() <= 4
    assert 0.3 < found.std() < 3
    assert np.allclose(encoder.latents(pixels[60:], 4), found[60:], atol=1e-5)
    assert encoder.latents(pixels[:0], 4).shape == (0, 1, 1, 16)


def test_a_copy_sees_the_same(trained, tmp_path):
    encoder = load_encoder(trained[0])
    encoder.save(tmp_path / "copy")
    pixels = Camera(TASK, perfect(), 0).look(TASK.positions(5, 4).observations())
    assert np.array_equal(open_encoder("vae", tmp_path / "copy").latents(pixels, 4), encoder.latents(pixels, 4))
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == sorted(p.name for p in trained[0].iterdir())


def test_what_is_drawn_is_the_look_that_the_camera_saw():
    camera = CameraConfig.model_validate({**perfect().model_dump(), "look": "random"})
    shown, drawn = Studio(TASK, VaeConfig(camera=camera), 3).pair(TASK.positions(1, 6).observations())
    assert shown.equal(drawn)
    assert len({picture.numpy().tobytes() for picture in shown}) == 6


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((2, 16, 16), np.uint8), "pictures are grey"),
        (np.zeros((2, 16, 16, 4), np.uint8), "pictures are RGBA"),
        (np.zeros((2, 16, 16, 3), np.float32), "as uint8"),
        (np.zeros((2, 16, 17, 3), np.uint8), "16 x 17 pixels"),
    ],
)
def test_other_pictures_are_refused(trained, pixels, said):
    with pytest.raises(UsageError, match=said):
        load_encoder(trained[0]).latents(pixels, 4)


def test_a_damaged_one_is_refused(trained, tmp_path):
    with pytest.raises(UsageError, match="no encoder at"):
        open_encoder("vae", tmp_path / "nowhere")
    load_encoder(trained[0]).save(tmp_path / "bad")
    card = json.loads((tmp_path / "bad" / CARD).read_text())
    (tmp_path / "bad" / CARD).write_text(json.dumps({**card, "means": [0.0]}))
    with pytest.raises(UsageError, match="damaged"):
        load_encoder(tmp_path / "bad")
    (tmp_path / "bad" / CARD).write_text(json.dumps({**card, "sha256": "0" * 64}))
    with pytest.raises(UsageError, match="does not match"):
        load_encoder(tmp_path / "bad")

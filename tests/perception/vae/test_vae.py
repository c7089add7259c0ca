"""The autoencoder: it learns to give pictures back, is kept and opened again, and refuses what it is not made for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.encoders import evenly, open_encoder, typical_boards
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.perception.vae.encoding import CARD, WEIGHTS, load_encoder
from ouroloop.perception.vae.training import HELD_OUT, Studio, VaeReport, train_vae
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.seeds import derived_seed

TASK = SnakeTask(4)
CONFIG = VaeConfig(image_px=32, latents=16, width=8, camera=perfect(), boards=256, steps=240, batch=32, rate=3e-3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VaeReport]:
    out = tmp_path_factory.mktemp("vae") / "small"
    return out, train_vae(TASK, CONFIG, 1, out, lambda *_: None)


def test_it_learns_to_give_pictures_back(trained, tmp_path):
    _, report = trained
    studio = Studio(TASK, CONFIG, 0)
    drawn = studio.pair(typical_boards(TASK, 1, 300))[1]
    mean_picture = float((drawn - drawn.mean(dim=0)).square().mean().sqrt())
    assert report.error < 0.92 * mean_picture
    assert report.used > 8
    short = CONFIG.model_copy(update={"steps": 3})
    for name in ("one", "other"):
        train_vae(TASK, short, 1, tmp_path / name, lambda *_: None)
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "other" / WEIGHTS).read_bytes()


def test_each_step_has_noise_of_its_own_and_the_latents_are_scaled_on_boards_of_all_phases(tmp_path):
    config = CONFIG.model_copy(update={"camera": CameraConfig(), "boards": 3 * HELD_OUT, "steps": 1})
    studio = Studio(TASK, config, derived_seed(4, "vae", "camera"))
    boards = typical_boards(TASK, derived_seed(4, "vae", "boards"), config.boards)
    some = evenly(boards, 8)
    (shown, drawn), (other, same) = studio.pair(some, 0), studio.pair(some, 1)
    assert (shown != other).flatten(1).any(1).all()
    assert drawn.equal(same)
    assert studio.pair(some, 1)[0].equal(other)
    train_vae(TASK, config, 4, tmp_path / "vae", lambda *_: None)
    encoder = load_encoder(tmp_path / "vae")
    with torch.inference_mode():
        means = encoder._model.encode(studio.pair(evenly(boards, HELD_OUT))[0])[0].mean(0)
    assert np.allclose(encoder.card.means, means.numpy(), atol=1e-4)


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
    with pytest.raises(UsageError, match=r"damaged: .*expected a mean and a deviation of each of 16 latents"):
        load_encoder(tmp_path / "bad")
    (tmp_path / "bad" / CARD).write_text(json.dumps({**card, "side": "four"}))
    with pytest.raises(UsageError, match="damaged: side: "):
        load_encoder(tmp_path / "bad")
    (tmp_path / "bad" / CARD).write_text(json.dumps({**card, "sha256": "0" * 64}))
    with pytest.raises(UsageError, match="does not match"):
        load_encoder(tmp_path / "bad")
    with pytest.raises(SurroundingsError, match="cannot write the encoder"):
        load_encoder(trained[0]).save(tmp_path / "bad")


def changed(folder: Path, **weights: torch.Tensor) -> None:
    """Change weights in a folder, and the card's hash with them."""
    data = save({**load_file(folder / WEIGHTS), **weights})
    (folder / WEIGHTS).write_bytes(data)
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "sha256": hashlib.sha256(data).hexdigest()}))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"narrow.bias": torch.full((32,), torch.nan)}, "narrow.bias is no finite float32"),
        ({"narrow.bias": torch.zeros(32, dtype=torch.float64)}, "narrow.bias is no finite float32"),
        ({"narrow.bias": torch.zeros(33)}, "size mismatch for narrow.bias"),
        ({"more": torch.zeros(1)}, "Unexpected key"),
    ],
)
def test_weights_of_another_kind_are_refused_in_one_line(trained, tmp_path, weights, said):
    load_encoder(trained[0]).save(tmp_path / "bad")
    changed(tmp_path / "bad", **weights)
    with pytest.raises(UsageError, match=said) as caught:
        load_encoder(tmp_path / "bad")
    assert "\n" not in str(caught.value)


def test_no_network_is_made_of_a_strangers_card(trained, monkeypatch):
    places = set()
    initialise = torch.nn.Linear.reset_parameters
    monkeypatch.setattr(
        torch.nn.Linear, "reset_parameters", lambda layer: (places.add(layer.weight.device.type), initialise(layer))
    )
    load_encoder(trained[0])
    assert places == {"meta"}


def test_weights_that_could_not_be_read_again_are_refused_before_the_training(tmp_path):
    huge = CONFIG.model_copy(update={"image_px": 256, "width": 256, "latents": 4096})
    with pytest.raises(
        UsageError, match=r"has 13[0-9]{3} MB of weights, at most 256 MB are read: make one of the three smaller"
    ):
        train_vae(TASK, huge, 0, tmp_path / "vae", lambda *_: None)


def test_boards_of_another_size_are_refused(trained):
    encoder = load_encoder(trained[0])
    assert encoder.game == "snake"
    with pytest.raises(UsageError, match="was trained on boards of 4x4, not 6x6: train one for 6x6"):
        encoder.grid(48, 6)
    with pytest.raises(UsageError, match="was trained on boards of 4x4, not 6x6"):
        encoder.latents(np.zeros((1, 48, 48, 3), np.uint8), 6)

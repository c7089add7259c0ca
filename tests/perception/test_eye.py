"""An eye in its folder: it sees the same when it is opened again, and never boards that it was not made for."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import CameraConfig
from ouroloop.perception.eye import CARD, ENCODER, PictureEye, load_eye
from ouroloop.perception.vae.config import VaeConfig
from ouroloop.perception.vae.encoding import VaeCard, VaeEncoder, weights_of
from ouroloop.perception.vae.network import network
from ouroloop.protocols.errors import SurroundingsError, UsageError

TASK = SnakeTask(6)
CONFIG = VaeConfig(image_px=16, latents=4, width=2)


def untrained(side=6, game="snake"):
    """Return an autoencoder that says of itself that it was trained on such boards."""
    model = network(CONFIG, 1)
    card = VaeCard(
        task=game,
        side=side,
        seed=0,
        parameters=1,
        error=0.0,
        means=(0.0,) * 4,
        deviations=(1.0,) * 4,
        sha256=hashlib.sha256(weights_of(model)).hexdigest(),
        config=CONFIG,
    )
    return VaeEncoder(card, model)


@pytest.fixture
def eye():
    """Return an eye for 6x6."""
    return PictureEye(TASK, "vae", untrained(), CameraConfig(), 3)


def test_an_eye_sees_the_same_when_it_is_opened_again(eye, tmp_path):
    eye.save(tmp_path / "eye")
    seen = TASK.positions(1, 5).observations()
    again = load_eye(tmp_path / "eye", TASK)
    assert (again.name, again.width, again.grid(seen)) == ("vae", 4, (1, 1))
    assert (again.see(seen) == eye.see(seen)).all()
    hidden = type(seen)(TASK.positions(2, 5).observations().constants, seen.columns, seen.lengths, scene=seen)
    assert np.array_equal(again.see(hidden), eye.see(seen))


def test_an_eye_for_another_size_or_game_is_refused_as_it_is_opened(eye, tmp_path):
    eye.save(tmp_path / "eye")
    with pytest.raises(UsageError, match="was trained on boards of 6x6, not 8x8: train one for 8x8"):
        load_eye(tmp_path / "eye", SnakeTask(8))
    with pytest.raises(UsageError, match="was made for the game chess, not snake"):
        PictureEye(TASK, "vae", untrained(game="chess"), CameraConfig())
    card = json.loads((tmp_path / "eye" / CARD).read_text())
    (tmp_path / "eye" / CARD).write_text(json.dumps(card | {"task": "chess"}))
    with pytest.raises(UsageError, match="looks at the game chess"):
        load_eye(tmp_path / "eye", TASK)


def test_a_place_that_is_taken_is_one_clear_line(eye, tmp_path):
    eye.save(tmp_path / "eye")
    with pytest.raises(SurroundingsError, match=r"cannot write the eye .*: .*; free some space or choose another place"):
        eye.save(tmp_path / "eye")
    with pytest.raises(SurroundingsError, match="cannot write the encoder"):
        eye.encoder.save(tmp_path / "eye" / ENCODER)


def test_what_is_no_eye_says_why(eye, tmp_path):
    with pytest.raises(UsageError, match=r"is no eye: eye.json is missing or damaged \(eye.json: No such file"):
        load_eye(tmp_path, TASK)
    eye.save(tmp_path / "eye")
    card = json.loads((tmp_path / "eye" / CARD).read_text())
    (tmp_path / "eye" / CARD).write_text(json.dumps(card | {"seed": -1}))
    with pytest.raises(UsageError, match=r"\(seed: ") as caught:
        load_eye(tmp_path / "eye", TASK)
    assert "\n" not in str(caught.value)

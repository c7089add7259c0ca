"""What all kinds of encoders share: typical boards, cameras for trainings, checks of pictures, and whole folders."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors import SafetensorError

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.encoders import (
    CardFormat,
    check_game,
    check_side,
    check_square,
    evenly,
    make_encoder,
    open_encoder,
    reseeded,
    told,
    typical_boards,
    typical_pictures,
    written,
)
from ouroloop.protocols.errors import SurroundingsError, UsageError

TASK = SnakeTask(4)


def test_an_even_part_has_the_first_and_the_last_and_all_phases():
    boards = TASK.positions(1, 100).observations()
    lengths = evenly(boards, 10).lengths["snake"]
    assert len(lengths) == 10
    assert (lengths[0], lengths[-1]) == (boards.lengths["snake"][0], boards.lengths["snake"][-1])
    assert np.ptp(lengths) > 0.8 * np.ptp(boards.lengths["snake"])
    assert len(evenly(boards, 1)) == 1
    assert len(evenly(boards, 1000)) == 100


class Noted:
    """A game that notes from what its positions and its variants are drawn."""

    def __init__(self):
        self.sight, self.name = self, "noted"

    def positions(self, seed, count):
        self.seed = seed
        return SimpleNamespace(observations=lambda: None)

    def vary(self, seen, rng):
        self.drawn = rng.random()
        return seen


def test_positions_and_their_variants_are_drawn_from_different_seeds():
    game = Noted()
    typical_boards(game, 7, 4)
    assert game.drawn not in {np.random.default_rng(seed).random() for seed in (7, game.seed)}


def test_typical_pictures_are_those_of_typical_boards():
    camera = Camera(TASK, perfect())
    boards = typical_boards(TASK, 3, 20)
    assert (typical_pictures(TASK, camera, 3, 20) == camera.look(boards)).all()
    walls = (boards.columns["board"] == 4).any(1)
    assert 0 < walls.sum() < 20


def test_a_camera_with_another_seed_has_the_same_looks_and_other_noise():
    boards = TASK.positions(1, 8).observations()
    noisy = Camera(TASK, CameraConfig(), 5)
    before = noisy.look(boards)
    other = reseeded(noisy, 6)
    assert (other.look(boards) != before).any((1, 2, 3)).all()
    assert (other.look(boards) == Camera(TASK, CameraConfig(), 6).look(boards)).all()
    assert (noisy.look(boards) == before).all()
    dressed = Camera(TASK, perfect(look="random"), 5)
    assert reseeded(dressed, 6)._sheets is dressed._sheets


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((2, 16, 16), np.uint8), "repeat the channel three times"),
        (np.zeros((16, 16, 3), np.uint8), "add a first axis"),
        (np.zeros((2, 16, 16, 4), np.uint8), "leave out the fourth channel"),
        (np.zeros((2, 16, 16, 3), np.float32), "give values from 0 to 255 as uint8"),
        (np.zeros((2, 16, 24, 3), np.uint8), "pictures are 16 x 24 pixels, expected square ones: cut them"),
        (np.zeros((2, 0, 0, 3), np.uint8), "0 x 0 pixels"),
    ],
)
def test_pictures_of_another_form_are_refused_with_a_remedy(pixels, said):
    with pytest.raises(UsageError, match=said):
        check_square(pixels)
    check_square(np.zeros((0, 4000, 4000, 3), np.uint8))


def test_an_encoder_of_another_size_or_game_is_refused():
    check_side("one", 0, 6)
    check_side("one", 6, 6)
    with pytest.raises(UsageError, match="one was trained on boards of 8x8, not 6x6: train one for 6x6"):
        check_side("one", 8, 6)
    check_game(SimpleNamespace(name="one"), TASK)
    with pytest.raises(UsageError, match="the encoder one was made for the game chess, not snake: make one for snake"):
        check_game(SimpleNamespace(name="one", game="chess"), TASK)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    with written(tmp_path / "one", "the thing") as half:
        (half / "file").write_text("all")
    assert (tmp_path / "one" / "file").read_text() == "all"
    with (
        pytest.raises(SurroundingsError, match=r"cannot write the thing .*one: .*; free some space"),
        written(tmp_path / "one", "the thing"),
    ):
        pass
    with pytest.raises(SurroundingsError, match="No space left"), written(tmp_path / "two", "the thing"):
        raise SafetensorError("I/O error: No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_errors_are_told_in_one_line_that_says_what_is_wrong(tmp_path):
    with pytest.raises(ValidationError) as caught:
        CardFormat.model_validate_json('{"format": 3}')
    assert told(caught.value).startswith("format: ")
    with pytest.raises(OSError, match="No such file") as missing:
        (tmp_path / "eye.json").read_bytes()
    assert told(missing.value) == "eye.json: No such file or directory"
    assert "'BF16'" in told(KeyError("BF16"))
    assert told(RuntimeError("Error(s) in loading:\n\tsize mismatch for a")) == "Error(s) in loading: size mismatch for a"
    assert told(MemoryError()) == "MemoryError"


def test_kinds_that_are_not_known_are_refused(tmp_path):
    with pytest.raises(UsageError, match="did you mean clip"):
        open_encoder("clop", tmp_path)
    with pytest.raises(UsageError, match=r"no encoder at .*nowhere"):
        make_encoder("vae", tmp_path / "nowhere", TASK, perfect())

"""A reader in use: boards of any size from pictures of any resolution, and one clear line for everything else."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from ouroloop.envs.snake.drawing.cells import CLASSES
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import CARD, WEIGHTS
from ouroloop.perception.config import perfect
from ouroloop.perception.reader import load_encoder, load_reader
from ouroloop.perception.shipped import shipped_reader
from ouroloop.protocols.errors import SurroundingsError, UsageError
from tests.games.balance.task import BalanceTask
from tests.perception.small import TINY, train

TASK = SnakeTask(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small reader's directory."""
    out = tmp_path_factory.mktemp("readers") / "tiny"
    train(out)
    return out


def test_answers_do_not_depend_on_the_batch_or_on_threads(folder):
    pixels = TASK.render(TASK.positions(1, 600).observations())
    reader = load_reader(folder, TASK)
    probabilities, latents = reader.probabilities(pixels), reader.latents(pixels, 4)
    assert probabilities.shape == (600, 16, CLASSES)
    assert latents.shape == (600, *reader.grid(32, 4), reader.width)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(reader.probabilities(pixels[590:]), probabilities[590:], atol=1e-5)
    np.testing.assert_allclose(reader.latents(pixels[590:], 4), latents[590:], atol=1e-4)
    assert (load_reader(folder, TASK, threads=3).probabilities(pixels) == probabilities).all()


def test_no_pictures_give_no_boards(folder):
    reader, none = load_reader(folder, TASK), np.zeros((0, 32, 32, 3), np.uint8)
    assert reader.probabilities(none).shape == (0, 16, CLASSES)
    assert reader.latents(none, 4).shape == (0, 4, 4, TINY.width)
    assert len(reader.read(none)) == 0


@pytest.mark.parametrize("cell_px", [6, 16, 20])
def test_pictures_of_another_resolution_are_read(folder, cell_px):
    boards = TASK.positions(5, 100).observations()
    read = load_reader(folder, TASK).read(Camera(TASK, perfect(cell_px=cell_px)).look(boards))
    assert read.exact(boards).mean() > 0.3


def test_an_encoder_is_a_reader_without_a_game_and_can_be_saved_again(folder, tmp_path):
    encoder = load_encoder(folder)
    pixels = TASK.render(TASK.positions(1, 5).observations())
    assert (encoder.latents(pixels, 4) == load_reader(folder, TASK).latents(pixels, 4)).all()
    assert (encoder.name, encoder.width, encoder.grid(32, 4)) == ("reader", TINY.width, (4, 4))
    encoder.save(tmp_path / "again")
    for name in (CARD, WEIGHTS):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    with pytest.raises(SurroundingsError, match="cannot write the reader"):
        encoder.save(tmp_path / "again")


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (
            np.zeros((1, 33, 33, 3), np.uint8),
            "33 x 33 pixels, expected 4, 8, 12, ... up to 256 pixels a side for boards of 4 x 4",
        ),
        (np.zeros((1, 32, 36, 3), np.uint8), "32 x 36 pixels"),
        (np.zeros((1, 260, 260, 3), np.uint8), "260 x 260 pixels"),
        (np.zeros((1, 0, 0, 3), np.uint8), "0 x 0 pixels"),
        (np.zeros((1, 32, 32), np.uint8), "are grey"),
        (np.zeros((1, 32, 32, 1), np.uint8), "are grey"),
        (np.zeros((32, 32), np.uint8), "are grey"),
        (np.zeros((32, 32, 3), np.uint8), "one picture"),
        (np.zeros((32, 32, 4), np.uint8), "one RGBA picture, uint8 of shape (32, 32, 4), expected RGB"),
        (np.zeros((1, 32, 32, 4), np.uint8), "RGBA, uint8 of shape (1, 32, 32, 4), expected RGB"),
        (np.zeros((1, 32, 32, 3), np.float32), "float32 of shape (1, 32, 32, 3), expected RGB pictures, uint8"),
        (np.zeros((1, 3, 32, 32), np.uint8), "of shape (1, 3, 32, 32), expected RGB"),
    ],
)
def test_wrong_pictures_are_one_line_that_names_what_was_found_and_expected(folder, pixels, said):
    for ask in (load_reader(folder, TASK).read, lambda wrong: load_encoder(folder).latents(wrong, 4)):
        with pytest.raises(UsageError) as caught:
            ask(pixels)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def damage_missing(out):
    (out / WEIGHTS).unlink()


def damage_cut(out):
    (out / WEIGHTS).write_bytes((out / WEIGHTS).read_bytes()[:-4])


def damage_bit(out):
    data = bytearray((out / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (out / WEIGHTS).write_bytes(bytes(data))


def damage_text(out):
    (out / CARD).write_text("{")


def damage_shape(out):
    card = json.loads((out / CARD).read_text())
    card["config"]["width"] = 32
    (out / CARD).write_text(json.dumps(card))


def damage_kind(out):
    (out / CARD).write_text(json.dumps({"format": "ouroloop-reader/1", "size": 6}))


def damage_game(out):
    card = json.loads((out / CARD).read_text())
    (out / CARD).write_text(json.dumps(card | {"task": "chess\n"}))


def rewritten(out, change):
    """Write weights that were changed, with a card that names their hash."""
    weights = change(load_file(out / WEIGHTS))
    save_file(weights, out / WEIGHTS)
    card = json.loads((out / CARD).read_text())
    card["sha256"] = hashlib.sha256((out / WEIGHTS).read_bytes()).hexdigest()
    (out / CARD).write_text(json.dumps(card))


def damage_type(out):
    rewritten(out, lambda weights: {name: weight.double() for name, weight in weights.items()})


def damage_one_number(out):
    def spoilt(weights):
        weights["lattice.head.bias"][2] = np.nan
        return weights

    rewritten(out, spoilt)


SAID = {
    damage_missing: "No such file",
    damage_cut: "does not match",
    damage_shape: "size mismatch for",
    damage_type: "is float64, expected float32",
    damage_one_number: "lattice.head.bias holds numbers that are not finite",
    damage_game: "reads chess with 8 kinds",
}
"""What a damage is called, where that is not known from the line alone."""


@pytest.mark.parametrize("damage", [*SAID, damage_bit, damage_text, damage_kind])
def test_loading_refuses_a_damaged_reader_in_one_line(folder, tmp_path, damage):
    out = tmp_path / "copy"
    out.mkdir()
    for name in (WEIGHTS, CARD):
        (out / name).write_bytes((folder / name).read_bytes())
    load_reader(out, TASK)
    damage(out)
    with pytest.raises(UsageError) as caught:
        load_reader(out, TASK)
    assert str(out) in str(caught.value)
    assert SAID.get(damage, "") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_so_large_that_everything_overflows_give_some_board_all_the_same(folder, tmp_path):
    out = tmp_path / "huge"
    out.mkdir()
    for name in (WEIGHTS, CARD):
        (out / name).write_bytes((folder / name).read_bytes())
    rewritten(out, lambda weights: {name: weight.sign() * 3e38 for name, weight in weights.items()})
    reader, pixels = load_reader(out, TASK), TASK.render(TASK.positions(1, 9).observations())
    assert len(reader.read(pixels)) == 9
    assert np.isfinite(reader.probabilities(pixels)).all()
    assert abs(reader.latents(pixels, 4)).max() <= 4


def test_a_game_without_sight_is_refused(folder):
    with pytest.raises(UsageError, match="balance cannot be read out of its pictures"):
        load_reader(folder, BalanceTask())


def test_a_shipped_reader_reads_boards_of_every_size():
    assert shipped_reader(BalanceTask()) is None
    found = shipped_reader(TASK)
    assert found is not None
    for size in (4, 6, 11, 40):
        task = SnakeTask(size)
        boards = task.positions(9, 40).observations()
        assert load_reader(found, task).read(task.render(boards)).exact(boards).mean() >= 0.97


def test_importing_the_package_loads_no_torch_and_no_numba():
    code = "import sys, ouroloop.perception; sys.exit(any(name in sys.modules for name in ('torch', 'numba', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

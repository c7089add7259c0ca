"""The built-in reader: it learns, it is the same for the same seed, and its directory is checked when it is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ouroloop.envs.snake.sight.board import BoardSight
from ouroloop.envs.snake.sight.cells import BODY, CLASSES, HEAD, WALL, label
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import ReaderConfig
from ouroloop.perception.reader import CARD, WEIGHTS, load_reader, network, torch_threads
from ouroloop.perception.training import VARIANTS, gather, train_reader
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from tests.games.balance.task import BalanceTask

TINY = ReaderConfig(width=16, depth=1, heads=2, boards=256, steps=120, batch_cells=512, rate=1e-2, threads=1)
TASK = SnakeTask(4)


def quiet(phase, share, figures):
    """Take reports of progress and do nothing."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the directory of a tiny reader for 4x4, its report, and the reports of progress."""
    out = tmp_path_factory.mktemp("readers") / "tiny"
    told = []
    report = train_reader(TASK, TINY, 5, out, lambda *what: told.append(what))
    return out, report, told


def test_a_short_training_reads_boards_that_it_never_saw(trained, tmp_path):
    out, report, told = trained
    untrained = train_reader(TASK, TINY.model_copy(update={"steps": 1}), 5, tmp_path / "untrained", quiet)
    assert untrained.exact < 0.05
    assert report.exact > 0.9
    assert report.loss < untrained.loss / 10
    assert report.parameters < 1_000_000
    fresh = TASK.positions(987, 200).observations()
    read = load_reader(out, TASK).read(TASK.render(fresh, TINY.cell_px))
    assert read.exact(fresh).mean() > 0.9
    assert [share for phase, share, _ in told if phase == "training"][-1] == 1.0
    assert told[-1][:2] == ("reading", 1.0)
    assert told[-1][2]["exact"] == report.exact


@pytest.mark.slow
@pytest.mark.parametrize("size", [6, 10])
def test_the_default_training_reads_boards_exactly(tmp_path, size):
    task = SnakeTask(size)
    report = train_reader(task, ReaderConfig(), 0, tmp_path / "r", quiet)
    assert report.exact >= 0.999
    assert report.exact_augmented >= 0.999
    walled = SnakeTask(size, walls=0.1)
    fresh = walled.positions(77, 1000).observations()
    read = load_reader(tmp_path / "r", walled, threads=1).read(walled.render(fresh))
    assert read.exact(fresh).mean() >= 0.999


@pytest.mark.parametrize("size", [4, 10, 64])
def test_the_default_network_is_small(size):
    assert 10_000 < sum(weight.numel() for weight in network(BoardSight(size), ReaderConfig()).parameters()) < 1_000_000


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(trained, tmp_path):
    out, _, _ = trained
    again, other = tmp_path / "again", tmp_path / "other"
    train_reader(TASK, TINY, 5, again, quiet)
    train_reader(TASK, TINY, 6, other, quiet)
    for name in (WEIGHTS, CARD):
        assert (out / name).read_bytes() == (again / name).read_bytes()
    assert (out / WEIGHTS).read_bytes() != (other / WEIGHTS).read_bytes()


def test_training_and_reading_leave_torchs_generator_and_threads_alone(trained, tmp_path):
    state = torch.get_rng_state()
    with torch_threads(3):
        train_reader(TASK, TINY.model_copy(update={"steps": 2}), 5, tmp_path / "r", quiet)
        load_reader(trained[0], TASK, threads=2).read(np.zeros((600, 32, 32, 3), np.uint8))
        assert torch.get_num_threads() == 3
    assert torch.equal(state, torch.get_rng_state())


def test_threads_change_nothing_in_what_is_read(trained):
    pixels = TASK.render(TASK.positions(1, 900).observations(), 8)
    one, three = (load_reader(trained[0], TASK, threads=count).probabilities(pixels) for count in (1, 3))
    assert (one == three).all()


def test_gather_keeps_each_position_once_and_moves_its_other_copies_on():
    calm = SnakeTask(6).positions(11, 16).observations()
    mixed = gather(SnakeTask(6), 11, 64)
    classes = label(mixed)
    assert (calm.columns["board"] == mixed.columns["board"][::VARIANTS]).all()
    moved = (np.repeat(calm.columns["snake"], VARIANTS, axis=0) != mixed.columns["snake"]).any(1)
    assert moved.sum() > 40
    assert ((classes == HEAD).sum(1) == 1).all()
    assert ((classes >= BODY).sum(1) == mixed.lengths["snake"] - 1).all()
    walled = (classes == WALL).any(1)
    assert not walled[::2].any()
    assert walled[1::2].sum() > 16


def test_probabilities_and_latents_do_not_depend_on_the_batch(trained):
    reader = load_reader(trained[0], TASK, threads=1)
    pixels = TASK.render(TASK.positions(1, 600).observations(), 8)
    probabilities, latents = reader.probabilities(pixels), reader.encode(pixels)
    assert probabilities.shape == (600, 16, CLASSES)
    assert latents.shape == (600, TINY.width)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(reader.probabilities(pixels[590:]), probabilities[590:], atol=1e-5)
    np.testing.assert_allclose(reader.encode(pixels[590:]), latents[590:], atol=1e-4)
    assert reader.probabilities(pixels[:0]).shape == (0, 16, CLASSES)
    assert len(reader.read(pixels[:0])) == 0


def test_pictures_of_another_shape_are_refused(trained):
    reader = load_reader(trained[0], TASK)
    with pytest.raises(UsageError, match="32, 32, 3"):
        reader.read(np.zeros((1, 40, 40, 3), np.uint8))
    with pytest.raises(UsageError, match="float32"):
        reader.read(np.zeros((1, 32, 32, 3), np.float32))


def test_loading_refuses_another_board_size(trained):
    with pytest.raises(UsageError, match=r"reads snake on 4x4, not snake on 6x6"):
        load_reader(trained[0], SnakeTask(6))


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


@pytest.mark.parametrize("damage", [damage_missing, damage_cut, damage_bit, damage_text, damage_shape])
def test_loading_refuses_a_damaged_reader_in_one_line(trained, tmp_path, damage):
    out = tmp_path / "copy"
    out.mkdir()
    for name in (WEIGHTS, CARD):
        (out / name).write_bytes((trained[0] / name).read_bytes())
    load_reader(out, TASK)
    damage(out)
    with pytest.raises(UsageError) as caught:
        load_reader(out, TASK)
    assert str(out) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_training_refuses_a_place_that_is_taken_or_cannot_be(trained, tmp_path):
    with pytest.raises(UsageError, match="exists already"):
        train_reader(TASK, TINY, 5, trained[0], quiet)
    (tmp_path / "file").write_text("")
    with pytest.raises(SurroundingsError, match="cannot write"):
        train_reader(TASK, TINY.model_copy(update={"steps": 1}), 5, tmp_path / "file" / "r", quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_training_that_diverges_says_so_and_leaves_nothing(tmp_path):
    wild = TINY.model_copy(update={"rate": 1e30})
    with pytest.raises(TrainingError, match="lower `rate`"):
        train_reader(TASK, wild, 5, tmp_path / "r", quiet)
    assert not list(tmp_path.iterdir())


def test_bad_configurations_are_refused(tmp_path):
    with pytest.raises(UsageError, match="16 is no multiple of its 3 heads"):
        train_reader(TASK, TINY.model_copy(update={"heads": 3}), 5, tmp_path / "r", quiet)
    with pytest.raises(ValidationError):
        ReaderConfig.model_validate({"stepz": 3})


def test_importing_the_package_loads_no_torch_and_no_numba():
    code = "import sys, ouroloop.perception; sys.exit(any(name in sys.modules for name in ('torch', 'numba', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_game_without_sight_is_refused(tmp_path):
    with pytest.raises(UsageError, match="balance cannot be read out of its pictures"):
        train_reader(BalanceTask(), TINY, 5, tmp_path / "r", quiet)
    with pytest.raises(UsageError, match="balance cannot be read out of its pictures"):
        load_reader(tmp_path / "r", BalanceTask())

"""The training of the reader: it learns, it is the same for the same seed, and it fails in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ouroloop.envs.registry import TaskSettings, in_sizes
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.cells import CARD, WEIGHTS, torch_threads
from ouroloop.perception.config import CameraConfig, ReaderConfig, perfect
from ouroloop.perception.learning.lessons import Lesson
from ouroloop.perception.learning.positions import gather
from ouroloop.perception.reader import load_reader
from ouroloop.perception.training import DEAREST, train_reader, worths
from ouroloop.protocols.errors import SurroundingsError, TrainingError, UsageError
from tests.games.balance.task import BalanceTask
from tests.perception.small import TASKS, TINY, quiet, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small reader's directory, the report of its training, and the reports of progress."""
    out, told = tmp_path_factory.mktemp("readers") / "tiny", []
    return out, train_reader(TASKS, TINY, 5, out, lambda *what: told.append(what)), told


def test_a_short_training_reads_boards_that_it_never_saw_of_other_sizes_too(trained, tmp_path):
    out, report, told = trained
    untrained = train(tmp_path / "untrained", steps=1)
    assert untrained.exact < 0.1
    assert report.exact > 0.8
    assert report.loss < untrained.loss / 5
    assert set(report.by_size) == {4, 5}
    assert report.exact == np.mean([found.exact for found in report.by_size.values()])
    assert report.seconds > 0.1
    assert 0.1 < report.processor_seconds < 8 * report.seconds
    assert [share for phase, share, _ in told if phase == "training"][-1] == 1.0
    assert told[-1][:2] == ("reading", 1.0)
    assert told[-1][2]["exact"] == report.exact
    for size in (4, 7, 12):
        task = SnakeTask(size)
        fresh = gather(task, 987, 60)
        read = load_reader(out, task).read(Camera(task, perfect()).look(fresh))
        assert read.exact(fresh).mean() > (0.8 if size < 12 else 0.4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(trained, tmp_path):
    out = trained[0]
    train(tmp_path / "again")
    train(tmp_path / "other", 6, steps=2)
    for name in (WEIGHTS, CARD):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (out / WEIGHTS).read_bytes() != (tmp_path / "other" / WEIGHTS).read_bytes()


def test_training_leaves_torchs_generator_and_threads_alone(tmp_path):
    state = torch.get_rng_state()
    with torch_threads(3):
        train(tmp_path / "r", steps=2, pretrain_steps=2)
        assert torch.get_num_threads() == 3
    assert torch.equal(state, torch.get_rng_state())


def test_latents_are_standardised(trained):
    task = SnakeTask(5)
    boards = gather(task, 3, 200)
    latents = load_reader(trained[0], task).latents(Camera(task, perfect()).look(boards), 5)
    assert abs(latents).max() <= 4
    assert 0.3 < latents.std() < 2


@pytest.mark.slow
def test_a_tenth_of_the_default_training_reads_shaken_boards_in_looks_that_it_never_saw(tmp_path):
    config = ReaderConfig(steps=600, sizes=(6, 10))
    report = train_reader(in_sizes(TaskSettings(), config.sizes), config, 0, tmp_path / "r", quiet)
    assert report.exact > 0.9
    assert report.exact_shaken > 0.8


def test_training_refuses_a_place_that_is_taken_or_cannot_be(trained, tmp_path):
    with pytest.raises(UsageError, match="exists already"):
        train(trained[0])
    (tmp_path / "file").write_text("")
    with pytest.raises(SurroundingsError, match="cannot write"):
        train(tmp_path / "file" / "r", steps=1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_training_that_diverges_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(TrainingError, match="lower `rate`"):
        train(tmp_path / "r", rate=1e30)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ((), "found no tasks"),
        ((SnakeTask(4), BalanceTask()), "found tasks of balance, snake"),
        ((BalanceTask(),), "balance cannot be read out of its pictures"),
    ],
)
def test_tasks_that_cannot_be_trained_are_refused(tasks, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        train_reader(tasks, TINY, 5, tmp_path / "r", quiet)


def test_a_game_is_made_in_several_sizes_or_as_it_is():
    settings = TaskSettings.model_validate({"name": "snake", "size": 7, "walls": 0.1})
    assert [task.sight.side for task in in_sizes(settings, (4, 9))] == [4, 9]
    assert [task.sight.side for task in in_sizes(settings, ())] == [7]
    other = TaskSettings.model_validate({"name": "tests.games.balance.task:BalanceTask"})
    assert [task.name for task in in_sizes(other, (4, 9))] == ["balance"]


def test_settings_that_cannot_be_are_refused():
    for wrong in ({"cell_px": ()}, {"cell_px": (0,)}, {"cell_px": (65,)}, {"heads": 2}, {"camera": {"look": 3}}):
        with pytest.raises(ValueError, match=r"cell_px|heads|camera"):
            ReaderConfig.model_validate(wrong)
    assert ReaderConfig.model_validate({"camera": {"noise": 0.2}}).camera == CameraConfig(noise=0.2)


def test_rare_classes_count_more_up_to_a_limit():
    lesson = Lesson(*[np.zeros(0)] * 3, classes=np.repeat([0, 1, 2], [100, 25, 1]).reshape(1, 9, 14).astype(np.uint8))
    assert worths(iter([lesson]), 4).tolist() == [1.0, 2.0, DEAREST, DEAREST]

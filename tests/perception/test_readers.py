"""Readers of all kinds: each is opened by what lies in its folder, and kept in its own form without anything else."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import Camera
from ouroloop.perception.config import CameraConfig, perfect
from ouroloop.perception.perceive import VisionPerception
from ouroloop.perception.readers import find_reader, keep_reader, open_reader, reader_kind
from ouroloop.protocols.errors import SurroundingsError, UsageError
from tests.perception.small import hasty_clip, hasty_gemma, train

TASK = SnakeTask(4)
BOARDS = TASK.positions(3, 6).observations()
PIXELS = Camera(TASK, CameraConfig()).look(BOARDS)
MAKE = {"reader": lambda out: train(out, steps=2), "clip": hasty_clip, "gemma": hasty_gemma}


@pytest.fixture(scope="module", params=MAKE)
def made(request, tmp_path_factory):
    """A reader's kind and its folder."""
    out = tmp_path_factory.mktemp("readers") / request.param
    MAKE[request.param](out)
    return request.param, out


@pytest.fixture(scope="module")
def gemma(tmp_path_factory):
    """A small Gemma's folder."""
    out = tmp_path_factory.mktemp("gemmas") / "hasty"
    hasty_gemma(out)
    return out


def test_a_folder_is_opened_by_the_code_of_its_kind_and_boards_are_seen_through_it(made):
    kind, folder = made
    assert reader_kind(folder) == kind
    perceive = VisionPerception(open_reader(folder, TASK), Camera(TASK, perfect()))
    seen = perceive(BOARDS)
    assert seen.scene is BOARDS
    assert perceive.sight.boards == 6
    assert seen.columns["board"].shape == BOARDS.columns["board"].shape


def test_it_is_kept_in_its_own_form_without_what_lies_beside_it(made, tmp_path):
    folder = shutil.copytree(made[1], tmp_path / "given")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret").write_text("of mine")
    (folder / "linked").symlink_to(tmp_path / "mine")
    (folder / "link.json").symlink_to(tmp_path / "mine" / "secret")
    (folder / "more").mkdir()
    (folder / "more" / "huge").write_text("")
    expected = open_reader(made[1], TASK).probabilities(PIXELS)
    keep_reader(folder, TASK, tmp_path / "kept")
    shutil.rmtree(folder)
    found = {path.name for path in (tmp_path / "kept").rglob("*")}
    assert not found & {"linked", "link.json", "secret", "more", "huge"}
    assert reader_kind(tmp_path / "kept") == made[0]
    np.testing.assert_allclose(open_reader(tmp_path / "kept", TASK).probabilities(PIXELS), expected, atol=1e-6)


def test_a_kept_reader_is_the_same_each_time(made, tmp_path):
    for name in ("one", "two"):
        keep_reader(made[1], TASK, tmp_path / name)
    files = [sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*")) for name in ("one", "two")]
    assert files[0] == files[1]
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files[0])


def test_a_place_that_cannot_be_written_is_one_line(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SurroundingsError, match="cannot write") as caught:
        keep_reader(made[1], TASK, tmp_path / "file" / "kept")
    assert "\n" not in str(caught.value)


def test_boards_for_which_a_reader_was_not_made_are_refused(gemma, tmp_path):
    for use in (lambda: open_reader(gemma, SnakeTask(6)), lambda: keep_reader(gemma, SnakeTask(6), tmp_path / "kept")):
        with pytest.raises(UsageError, match="sees snake on 4x4, not snake on 6x6"):
            use()
    assert not (tmp_path / "kept").exists()


def test_a_gemma_of_others_reads_too(gemma, tmp_path):
    folder = shutil.copytree(gemma, tmp_path / "given")
    (folder / "gemma.json").unlink()
    keep_reader(folder, TASK, tmp_path / "kept")
    assert not (tmp_path / "kept" / "gemma.json").exists()
    assert len(open_reader(tmp_path / "kept", TASK).read(PIXELS)) == 6


def test_a_shipped_reader_is_found_by_name_and_any_other_by_its_directory(tmp_path, monkeypatch):
    for name in ("snake", "snake-clip", "snake-gemma"):
        assert find_reader(name).name == name
        assert reader_kind(find_reader(name))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "snake").mkdir()
    assert find_reader("./snake").resolve() == tmp_path / "snake"
    with pytest.raises(UsageError, match="no directory and no shipped reader; did you mean snake-clip") as caught:
        find_reader("snake-klip")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no reader: name what `ouroloop train reader`"),
        ({"vae.json": '{"format": "ouroloop-vae/1"}'}, "holds an encoder of the kind 'vae', which reads no boards"),
        ({"encoder.json": '{"format": "ouroloop-clip-encoder/1"}'}, "of the kind 'clip', which reads no boards"),
        ({"reader.json": "{"}, "describes no reader of this version"),
        ({"config.json": '{"model_type": "llama"}', "model.safetensors": ""}, "is a llama; expected a Gemma that sees"),
    ],
)
def test_what_reads_no_boards_is_refused_in_one_line(files, said, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        open_reader(tmp_path, TASK)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)

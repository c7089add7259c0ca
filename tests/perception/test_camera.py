"""The camera: each position has one picture, which shows what the settings let through."""

from __future__ import annotations

import numpy as np
import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.camera import SHEETS, Camera, darken
from ouroloop.perception.config import CameraConfig, perfect, shaken
from ouroloop.protocols.errors import UsageError
from tests.games.balance.task import BalanceTask

TASK = SnakeTask(6)
BOARDS = TASK.positions(3, 24).observations()


@pytest.mark.parametrize("config", [CameraConfig(), CameraConfig(look="random", jpeg=60, cell_px=5), shaken(scatter=False)])
def test_a_position_looks_the_same_whatever_else_is_in_the_batch(config):
    camera = Camera(TASK, config, seed=9)
    together, px = camera.look(BOARDS), config.cell_px
    assert together.shape == (24, 6 * px, 6 * px, 3)
    for row in (0, 7, 23):
        assert (camera.look(BOARDS.take([row]))[0] == together[row]).all()
    backwards = camera.look(BOARDS.take(np.arange(24)[::-1]))
    assert (backwards[::-1] == together).all()
    assert (Camera(TASK, config, seed=9).look(BOARDS) == together).all()
    assert (Camera(TASK, config, seed=10).look(BOARDS) != together).any()


def test_a_perfect_camera_shows_the_drawing():
    assert (Camera(TASK, perfect()).look(BOARDS) == TASK.render(BOARDS)).all()
    means = TASK.render(BOARDS).reshape(24, 24, 2, 24, 2, 3).mean((2, 4))
    assert np.abs(Camera(TASK, perfect(cell_px=4)).look(BOARDS) - means).max() <= 1
    assert perfect().clean
    assert not CameraConfig().clean


@pytest.mark.parametrize("reach", [1, 2, 5])
def test_a_window_is_black_outside_its_reach_around_the_head_and_clear_within(reach):
    clear, seen = TASK.render(BOARDS), Camera(TASK, perfect(window=reach)).look(BOARDS)
    rows, columns = np.divmod(np.arange(36), 6)
    heads = BOARDS.columns["snake"][:, 0].astype(int)
    for row, head in enumerate(heads):
        near = (abs(rows - head // 6) <= reach) & (abs(columns - head % 6) <= reach)
        cells, plain = (one[row].reshape(6, 8, 6, 8, 3).swapaxes(1, 2).reshape(36, -1) for one in (seen, clear))
        assert (cells[near] == plain[near]).all()
        assert not cells[~near].any()


def test_a_window_of_the_whole_board_hides_nothing():
    pixels = TASK.render(BOARDS)
    before = pixels.copy()
    darken(pixels, np.full(24, 14), 6, 6)
    assert (pixels == before).all()


def test_a_camera_of_random_looks_draws_many_and_none_that_is_held_out():
    boards = TASK.positions(5, 300).observations()
    camera = Camera(TASK, perfect(look="random"))
    assert len(camera._sheets) == SHEETS + len(TASK.sight.looks)
    held_out = [TASK.sight.sheet(look, 8) for look in TASK.sight.held_out]
    assert not any((sheet == one).all() for sheet in camera._sheets for one in held_out)
    colours = {tuple(np.median(picture.reshape(-1, 3), axis=0)) for picture in camera.look(boards)}
    assert len(colours) > 100


@pytest.mark.parametrize("look", [*TASK.sight.looks, *TASK.sight.held_out])
def test_a_named_look_is_that_of_the_sight(look):
    pixels = Camera(TASK, perfect(look=look)).look(BOARDS)
    sheet = TASK.sight.sheet(look, 8)
    cells = pixels.reshape(24, 6, 8, 6, 8, 3).swapaxes(2, 3).reshape(-1, 8, 8, 3)
    assert {cell.tobytes() for cell in cells} <= {sprite.tobytes() for sprite in sheet}


def test_a_look_that_does_not_exist_is_one_line_that_names_those_that_do():
    with pytest.raises(UsageError, match="has no look 'psychedelic'") as caught:
        Camera(TASK, CameraConfig(look="psychedelic"))
    for look in (*TASK.sight.looks, *TASK.sight.held_out, "random"):
        assert look in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="balance cannot be read out of its pictures"):
        Camera(BalanceTask(), CameraConfig())

"""Looks that are held out are refused for a training, and all others are not."""

from __future__ import annotations

import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.perception.config import CameraConfig
from ouroloop.perception.learning.looks import check_look
from ouroloop.protocols.errors import UsageError
from tests.games.balance.task import BalanceTask

TASK = SnakeTask(4)


@pytest.mark.parametrize("look", TASK.sight.held_out)
def test_a_look_that_is_held_out_is_refused_in_one_line(look):
    with pytest.raises(UsageError, match=f"the look '{look}' of the game snake is held out") as caught:
        check_look(TASK, CameraConfig(look=look))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("look", ["", "random", *TASK.sight.looks])
def test_other_looks_may_be_trained_on(look):
    check_look(TASK, CameraConfig(look=look))


def test_a_game_without_sight_is_refused():
    with pytest.raises(UsageError, match="balance cannot be read out of its pictures"):
        check_look(BalanceTask(), CameraConfig())

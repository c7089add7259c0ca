"""The task's port: errors, positions, phases, documents; and the Gymnasium form of the game."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ouroloop.envs.capabilities import phases_of
from ouroloop.envs.snake import gymnasium_env
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.ports import Task


@pytest.mark.parametrize("size", [3, 0, -6, 129, 6.0, float("nan"), True, "6"])
def test_an_unplayable_size_is_one_line_with_the_remedy(size):
    with pytest.raises(UsageError, match=r"board size .* choose .* 4 to 128") as caught:
        SnakeTask(size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("walls", [-0.1, 0.9, 1, float("nan"), float("inf"), "0.1"])
def test_an_impossible_share_of_walls_is_one_line_with_the_remedy(walls):
    with pytest.raises(UsageError, match=r"share of walls .* choose .* 0 to 0.25"):
        SnakeTask(6, walls)


def test_positions_are_unfinished_spread_and_the_same_for_a_seed():
    task: Task = SnakeTask(6)
    bank, again, other = task.positions(3, 600), task.positions(3, 600), task.positions(4, 600)
    assert bank.games == 600
    assert not bank.done.any()
    assert (np.bincount(phases_of(task, bank), minlength=3) > 60).all()
    boards = [batch.observations().columns["board"] for batch in (bank, again, other)]
    assert np.array_equal(boards[0], boards[1])
    assert not np.array_equal(boards[0], boards[2])
    assert len(np.unique(boards[0], axis=0)) > 550


@pytest.mark.parametrize(("size", "walls", "count"), [(4, 0.0, 1), (5, 0.25, 30), (16, 0.1, 4), (64, 0.0, 1), (6, 0.0, 0)])
def test_positions_come_for_every_board(size, walls, count):
    bank = SnakeTask(size, walls).positions(0, count)
    assert bank.games == count
    assert not bank.done.any()


def test_phases_are_thirds_of_the_growth():
    task = SnakeTask(6)
    bank = task.positions(1, 300)
    share = (bank.lengths - 3) / 33
    assert np.array_equal(phases_of(task, bank), np.floor(share * 3))


def test_the_toolkit_is_described():
    tools = SnakeTask().toolkit
    assert 16 <= len(tools) <= 22
    assert {tool.kind for tool in tools} == {"moves", "move", "test", "measure"}
    legal = next(tool for tool in tools if tool.name == "legal_moves")
    assert legal.signature == "(observation) -> list[int]"
    assert all(tool.doc.endswith(".") and len(tool.doc) < 125 for tool in tools)


def test_the_start_controller_is_the_argmax():
    space: dict = {}
    exec(SnakeTask().start_controller, space)
    assert [space["act"]({}, row) for row in ([0, 3, 1, 2], [5, 3, 1, 2], [1, 1, 1, 2])] == [1, 0, 3]


@pytest.mark.parametrize("settings", [{}, {"walls": 0.2, "food": "clustered"}, {"start_length": 1, "idle_limit": 9}])
def test_gymnasium_accepts_the_environment(settings):
    for mode in (None, "rgb_array", "ansi"):
        check_env(gymnasium.make(gymnasium_env.ID, size=6, render_mode=mode, **settings).unwrapped, skip_render_check=True)


def test_pictures_and_texts_are_as_the_render_mode_says():
    for mode, kind in (("rgb_array", np.ndarray), ("ansi", str)):
        env = gymnasium.make(gymnasium_env.ID, size=6, render_mode=mode)
        env.reset(seed=1)
        assert isinstance(env.render(), kind)
        env.close()
        env.close()


def test_a_window_without_a_screen_names_the_remedy(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    env = gymnasium.make(gymnasium_env.ID, size=6, render_mode="human")
    with pytest.raises(SurroundingsError, match="use render_mode"):
        env.reset(seed=1)


def test_gymnasium_rewards_foods_and_deaths():
    env = gymnasium.make("ouroloop.envs:ouroloop/Snake-v0", size=4)
    task = env.unwrapped.task
    _, info = env.reset(seed=5)
    total, over = 0.0, False
    while not over:
        _, reward, over, truncated, info = env.step(task.teach("best", env.unwrapped.engine)[0])
        assert not truncated
        total += reward
    assert (total, info["cause"], info["score"]) == (13.0, "won", 13)
    env.reset(seed=5)
    rewards = []
    for _ in range(4):
        _, reward, over, _, info = env.step(0)
        rewards.append(reward)
        if over:
            break
    assert rewards[-1] == -1
    assert info["cause"] in ("wall", "body")

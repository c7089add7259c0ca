"""A policy to play with, made once."""

import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import create, save


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A policy directory with random weights."""
    out = tmp_path_factory.mktemp("policy") / "untrained"
    save(create(SnakeTask(6), Shape(hidden=32, intermediate=48), 1), out)
    return out

"""A board to play on and a policy to play with, made once."""

import numpy as np
import pytest
import torch

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.settings import Shape
from ouroloop.policy.snake_gpt import create, save


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def task():
    return SnakeTask(6)


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A policy directory with random weights."""
    out = tmp_path_factory.mktemp("policy") / "untrained"
    save(create(6, "snake", Shape(hidden=32, intermediate=48), 1), out)
    return out


@pytest.fixture(scope="session")
def seeds():
    return np.arange(1000, 1024, dtype=np.uint64)

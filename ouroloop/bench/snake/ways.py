"""The ways of playing many games that the engine's benchmark times: fused, by the batch call, and one at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import gymnasium
import numpy as np

from ouroloop.bench.snake.actions import ACTIONS, forward, legal
from ouroloop.envs.snake.engine import batch
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.state import State
from ouroloop.envs.snake.gymnasium_env import SnakeEnv
from ouroloop.envs.snake.gymnasium_id import ID
from ouroloop.envs.snake.rollout import wander

SIZE: Final = 10
BATCHES: Final = (1, 256, 4096)
RECORDED: Final = 128
"""Steps of actions that the batch call replays."""


def fused(games: int, size: int) -> Callable[[], int]:
    """Return work that lets games make random legal moves inside one call."""
    state = SnakeEngine(np.arange(games, dtype=np.uint64), size).state
    moves = max(16, (1 << 20) // games)

    def work() -> int:
        wander(state, size, moves)
        return moves * games

    return work


def batch_call(games: int, kind: str) -> tuple[Callable[[], int], float]:
    """Return work that steps a batch by recorded actions, with boards copied out, and the share of steps that end a game.

    The actions were drawn beforehand in the same games, so that drawing them is not timed.
    """
    rng, cells = np.random.default_rng(0), SIZE * SIZE
    boards, last = np.zeros((games, cells), np.uint8), np.zeros((games, cells), np.uint8)
    rewards, ended, finals = np.zeros(games, np.float32), np.zeros(games, np.int8), np.zeros((games, 5), np.int32)

    def step_of(state: State) -> Callable[..., int]:
        return partial(batch.step_batch, *state, SIZE, batch.SAME_STEP, 0)

    buffers = (boards, last, rewards, ended, finals)
    begun = SnakeEngine(np.arange(games, dtype=np.uint64), SIZE)
    step = step_of(begun.state)
    for _ in range(64):  # so that the games have different ages
        step(legal(begun, rng), *buffers)
    engine, recorded, ends = begun.clone(np.arange(games)), [], 0
    record = step_of(engine.state)
    for _ in range(RECORDED):
        recorded.append(ACTIONS[kind](engine, rng))
        ends += record(recorded[-1], *buffers)
    start, fields = begun.snapshot(), begun.state

    def work() -> int:
        for name, saved in start.items():
            getattr(fields, name)[...] = saved
        for actions in recorded:
            step(actions, boards, last, rewards, ended, finals)
        return games * RECORDED

    return work, ends / (games * RECORDED)


def single(made: bool) -> Callable[[], int]:
    """Return work that steps one environment through its Python method, resets included, as gym-snake's driver does."""
    env: Any = gymnasium.make(ID, disable_env_checker=True) if made else SnakeEnv()
    env.reset(seed=0)
    rng, recorded = np.random.default_rng(0), []
    for _ in range(2000):
        action = int(forward(env.unwrapped.engine, rng)[0])
        recorded.append(action)
        if env.step(action)[2]:
            env.reset()

    def work() -> int:
        env.reset(seed=0)
        for action in recorded:
            if env.step(action)[2]:
                env.reset()
        return len(recorded)

    return work

"""Many games of Snake as one vector environment of Gymnasium, for `gymnasium.make_vec("ouroloop/Snake-v0", num_envs=16)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ouroloop.envs.snake.drawing.render import ansi, render
from ouroloop.envs.snake.engine import batch
from ouroloop.envs.snake.engine.games import SnakeEngine, outcomes_of
from ouroloop.envs.snake.engine.state import CAUSES, WALL
from ouroloop.envs.snake.gymnasium_env import CELL_PX, FPS, Board, Info, is_seed
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.records import Observations
from ouroloop.protocols.seeds import splitmix

NAMES: Final = np.array([*CAUSES, None], dtype=object)
"""Names of the causes; the last one stands for -1, a game that was cut off."""
MODES: Final = {
    AutoresetMode.NEXT_STEP: batch.NEXT_STEP,
    AutoresetMode.SAME_STEP: batch.SAME_STEP,
    AutoresetMode.DISABLED: batch.DISABLED,
}


class SnakeVectorEnv(VectorEnv[Board, NDArray[np.int64], NDArray[Any]]):
    """Many games in one compiled call: observations (B, size, size) uint8, rewards (B,) float32.

    Each game runs as in `SnakeEnv`. When games end, `infos` has `score`, `steps`, `utility` and `cause` (None if the game
    was cut off); in mode `SameStep` they are under `final_info`, beside `final_obs`. A game that ends with the last move that
    it may make is both `terminated` and `truncated`, as under Gymnasium's `TimeLimit`.

    Args:
        num_envs: B.
        size: side of the board.
        max_episode_steps: a game is cut off (`truncated`) after this many moves.
        render_mode: `ansi` or `rgb_array`; both give one picture per game.
        autoreset_mode: a mode of Gymnasium, or its name: `NextStep`, `SameStep`, `Disabled`.
        copy: whether every call returns arrays of its own; if not, the next call overwrites them.
        settings: those of `SnakeTask`.
    """

    metadata: Info = {"render_modes": ["ansi", "rgb_array"], "render_fps": FPS}  # noqa: RUF012 (gymnasium's form)

    def __init__(
        self,
        num_envs: int = 1,
        size: int = 10,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        **settings: Any,
    ) -> None:
        """Define the spaces; the games begin at `reset`."""
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}: choose 1 or more")
        if max_episode_steps is not None and max_episode_steps < 1:
            raise ValueError(f"max_episode_steps is {max_episode_steps}: choose 1 or more, or None for no limit")
        self.task = SnakeTask(size, **settings)
        self.num_envs, self.render_mode, self.copy = num_envs, render_mode, copy
        mode = AutoresetMode(autoreset_mode) if isinstance(autoreset_mode, str) else autoreset_mode
        self.metadata = self.metadata | {"autoreset_mode": mode}
        self.mode, self.most_steps = MODES[mode], max_episode_steps or 0
        self.single_observation_space = Box(0, WALL, (size, size), np.uint8)
        self.single_action_space = Discrete(4)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._engine: SnakeEngine | None = None
        self._boards, self._last = (np.zeros((num_envs, size, size), np.uint8) for _ in range(2))
        self._rewards, self._ended = np.zeros(num_envs, np.float32), np.zeros(num_envs, np.int8)
        self._finals = np.zeros((num_envs, 5), np.int32)
        flat = (self._boards.reshape(num_envs, -1), self._last.reshape(num_envs, -1))
        self._buffers = (*flat, self._rewards, self._ended, self._finals)
        self._move: Any = None

    @property
    def engine(self) -> SnakeEngine:
        """The batch of the games. Raises gymnasium's ResetNeeded before the first `reset`."""
        if self._engine is None:
            raise gymnasium.error.ResetNeeded("the games have not begun: call reset first")
        return self._engine

    def observations(self) -> Observations:
        """Return what policies and controllers see of the games: a batch of B. Raises ResetNeeded before the first `reset`."""
        return self.engine.observations()

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, object] | None = None
    ) -> tuple[Board, Info]:
        """Begin new games: all of them, or those that `options["reset_mask"]`, (B,) bool, marks.

        A seed s stands for s, s + 1, ...; a list has one seed per game, or None to follow from the game before.

        Raises:
            ValueError: a list of another length, a seed that is no integer of 0 or more, or a mask that marks nothing.
            TypeError: the mask is no array of bool.
        """
        seeds, mask = self._seeds(seed), self._mask((options or {}).get("reset_mask"))
        super().reset(seed=int(seed) if is_seed(seed) else None)
        if self._engine is None:
            keys = self.np_random.integers(0, 2**64, self.num_envs, dtype=np.uint64)
            self._engine = self.task.engine(keys)
            self._move = partial(batch.step_batch, *self._engine.state, self.task.size, self.mode, self.most_steps)
        else:
            keys = np.array([splitmix(int(key), 0) for key in self._engine.state.keys], np.uint64)
        for game, own in enumerate(seeds):
            if own is not None:
                keys[game] = splitmix(own, 0)
        begins = mask.astype(np.int8)
        batch.restart(self._engine.state, self.task.size, keys, begins)
        self._ended[mask] = batch.GOES_ON
        self._boards[:] = self._engine.boards()
        return self._given(self._boards), {}

    def step(self, actions: NDArray[np.int64]) -> tuple[Board, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """Move every game once.

        Raises:
            ValueError: an action is not in 0..3, or the array has another shape; then no game has moved.
            AssertionError: in mode `Disabled`, a game has ended and has not been reset.
        """
        if self._engine is None:
            _ = self.engine  # raises ResetNeeded if the games have not begun
        moves = np.ascontiguousarray(actions, dtype=np.int64)
        if moves.shape != (self.num_envs,) or moves.min() < 0 or moves.max() > 3:
            raise ValueError(f"actions of shape {moves.shape}, expected ({self.num_envs},) integers in 0..3")
        if self.mode == batch.DISABLED:
            assert not self._ended.any(), "a game has ended: reset it with options={'reset_mask': mask} before the next step"
        count = self._move(moves, *self._buffers)
        infos = self._told() if count else {}
        terminated, truncated = (self._ended & flag != 0 for flag in (batch.TERMINATED, batch.TRUNCATED))
        return self._given(self._boards), self._given(self._rewards), terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """Return one picture or text of each game."""
        observations = self.engine.observations()
        if self.render_mode == "ansi":
            return tuple(ansi(observations, row) for row in range(self.num_envs))
        return tuple(render(observations, CELL_PX)) if self.render_mode == "rgb_array" else None

    def _given(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.copy() if self.copy else array

    def _seeds(self, seed: object) -> list[int | None]:
        """Return one seed per game, None where a game is to follow from the one before."""
        given = seed.tolist() if isinstance(seed, np.ndarray) else seed
        if given is None:
            return [None] * self.num_envs
        if is_seed(given):
            return [int(given) + game for game in range(self.num_envs)]
        if not isinstance(given, list | tuple) or len(given) != self.num_envs:
            expected = f"expected {self.num_envs} seeds, one per game (None to go on), or one seed s for s, s + 1, ..."
            raise ValueError(f"seed {seed!r} for {self.num_envs} games; {expected}")
        for own in given:
            if own is not None and not is_seed(own):
                raise ValueError(f"seed {own!r} in the list; expected integers of 0 or more, or None")
        return [None if own is None else int(own) for own in given]

    def _mask(self, mask: Any) -> NDArray[np.bool_]:
        """Return which games to begin: all if the mask is None. Raises as Gymnasium's own vector environments do."""
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"reset_mask of type {type(mask).__name__}, expected an array of bool")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask of shape {mask.shape}, expected ({self.num_envs},) with at least one True")
        return mask

    def _told(self) -> Info:
        """Return the infos of the games that have just ended, each entry with the mask of the games that have it."""
        ended = self._ended != batch.GOES_ON
        rows = np.flatnonzero(ended)
        score, steps, travel, most, cause = self._finals[rows].T
        end = outcomes_of(score, steps, travel, most, cause)
        info: Info = {}
        columns = (("score", np.int64, score), ("steps", np.int64, steps), ("utility", np.float64, end.utility))
        for name, dtype, values in (*columns, ("cause", object, NAMES[cause])):
            column = np.full(self.num_envs, None if dtype is object else 0, dtype=dtype)
            column[rows] = values
            info[name] = column
            info[f"_{name}"] = ended.copy()
        if self.mode != batch.SAME_STEP:
            return info
        boards = np.full(self.num_envs, None, dtype=object)
        for row, board in zip(rows, self._last[rows], strict=True):
            boards[row] = board
        return {"final_obs": boards, "_final_obs": ended.copy(), "final_info": info, "_final_info": ended.copy()}

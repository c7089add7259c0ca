"""Snake as Gymnasium environments: `gymnasium.make("ouroloop/Snake-v0", size=6)` and `gymnasium.make_vec(...)`.

Importing `ouroloop.envs` registers the environments, as Gymnasium (1.0 and later, without plug-ins) expects. Either import it
first, or name it in the id: `gymnasium.make("ouroloop.envs:ouroloop/Snake-v0")`.

One game or many, the games are the same. The seed is the first game's key (among many, seed + i is the i-th one's), and each
game's key determines that of the game after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, SupportsInt, TypeAlias, TypeGuard

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ouroloop.envs.snake.drawing.render import ansi, render
from ouroloop.envs.snake.engine import batch
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.envs.snake.engine.state import CAUSES, RUNNING, WALL
from ouroloop.envs.snake.gymnasium_id import ID
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.envs.snake.window import Window
from ouroloop.protocols.records import Observations
from ouroloop.protocols.seeds import splitmix

CELL_PX: Final = 32
FPS: Final = 10
Board: TypeAlias = NDArray[np.uint8]
Info: TypeAlias = dict[str, object]
"""An info as Gymnasium has it: a name and its value, or an array with its mask beside it."""


class SnakeEnv(gymnasium.Env[Board, np.int64]):
    """One game: observation (size, size) uint8 (0 empty, 1 body, 2 head, 3 food, 4 wall), actions up, down, left, right.

    The reward is 1 for a food, -1 for a death (wall, border, body), else 0. Starvation is a rule of the game, so it ends
    with `terminated` and reward 0. `truncated` is always False: `gymnasium.make(..., max_episode_steps=...)` sets it. After
    the last move, `info` has `score`, `steps`, `utility` and `cause`.

    A board does not tell the order of the body. `observations()` does: it is what policies and controllers see.

    Args:
        size: side of the board.
        render_mode: `ansi`, `rgb_array`, or `human`, which opens a window.
        settings: those of `SnakeTask`: `walls`, `wall_map`, `food`, `start_length`, `idle_limit`.
    """

    metadata: Info = {"render_modes": ["ansi", "rgb_array", "human"], "render_fps": FPS}  # noqa: RUF012 (gymnasium's form)

    def __init__(self, size: int = 10, render_mode: str | None = None, **settings: Any) -> None:
        """Define the spaces; the game begins at `reset`."""
        self.task = SnakeTask(size, **settings)
        self.render_mode = render_mode
        self.observation_space = Box(0, WALL, (size, size), np.uint8)
        self.action_space = Discrete(4)
        self._shape = (size, size)
        self._window: Window | None = None
        self._engine: SnakeEngine | None = None
        self._begin: Any = None
        self._move: Any = None

    def reset(self, *, seed: int | None = None, options: Mapping[str, object] | None = None) -> tuple[Board, Info]:
        """Begin a new game; the games after it follow from the last seed given."""
        super().reset(seed=seed)
        if self._engine is None:
            self._engine = self.task.engine(self.np_random.integers(0, 2**64, 1, dtype=np.uint64))
            self._begin = partial(batch.begin_one, *self._engine.state, self.task.size)
            self._move = partial(batch.step_one, *self._engine.state, self.task.size)
        if seed is not None:
            self._engine.state.keys[0] = splitmix(seed, 0)
        board = np.empty(self._shape, np.uint8)
        self._begin(seed is None, board)
        if self.render_mode == "human":
            self.render()
        return board, {}

    @property
    def engine(self) -> SnakeEngine:
        """The batch of one game. Raises gymnasium's ResetNeeded before the first `reset`."""
        if self._engine is None:
            raise gymnasium.error.ResetNeeded("the game has not begun: call reset first")
        return self._engine

    def observations(self) -> Observations:
        """Return what policies and controllers see of the game: a batch of one. Raises ResetNeeded before the first `reset`."""
        return self.engine.observations()

    def step(self, action: SupportsInt) -> tuple[Board, float, bool, bool, Info]:
        """Move once; a finished game stays as it is and its reward is 0.

        Raises:
            ValueError: the action is not in 0..3.
        """
        move = int(action)
        if self._engine is None or not 0 <= move < 4:
            _ = self.engine  # raises ResetNeeded if the game has not begun
            raise ValueError(f"action {action!r}, expected 0..3 (up, down, left, right)")
        board = np.empty(self._shape, np.uint8)
        reward, score, steps, travel, most, cause = self._move(move, board)
        info: Info = {}
        if cause != RUNNING:
            utility = score / max(1, most) * (0.9 + 0.1 * min(1.0, travel / max(1, steps)))
            info = {"score": score, "steps": steps, "utility": utility, "cause": CAUSES[cause]}
        if self._window is not None:
            self.render()
        return board, reward, cause != RUNNING, False, info

    def render(self) -> Any:
        """Return the picture or the text that `render_mode` asks for, or show the board in the window."""
        observations = self.engine.observations()
        if self.render_mode == "ansi":
            return ansi(observations, 0)
        picture: NDArray[np.uint8] = render(observations, CELL_PX)[0]
        if self.render_mode == "human":
            self._window = self._window or Window(ID, FPS)
            self._window.show(picture)
            return None
        return picture if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the window, if there is one; safe to call twice."""
        if self._window is not None:
            self._window.close()
            self._window = None


def is_seed(given: object) -> TypeGuard[SupportsInt]:
    """Return whether this is an integer of 0 or more."""
    return isinstance(given, int | np.integer) and not isinstance(given, bool) and int(given) >= 0

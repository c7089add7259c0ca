"""Snake as a Gymnasium environment: `gymnasium.make("ouroboros/Snake-v0", size=6)`.

Importing this module registers the environment, which is what Gymnasium (1.0 and later, without plug-ins) expects: either
import it first, or name it in the id, `gymnasium.make("ouroboros.envs.gymnasium_env:ouroboros/Snake-v0")`.
"""

from __future__ import annotations

from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ouroboros.envs.render import ansi, render
from ouroboros.envs.state import HIT_BODY, WALL
from ouroboros.envs.task import SnakeTask

ID: Final = "ouroboros/Snake-v0"
CELL_PX: Final = 32


class SnakeEnv(gymnasium.Env[NDArray[np.uint8], np.int64]):
    """One game: observation (size, size) uint8 (0 empty, 1 body, 2 head, 3 food, 4 wall), actions up, down, left, right.

    The reward is 1 for a food, -1 for a death (wall, border, body), else 0. Starvation ends the game as a rule of it does:
    `terminated` with reward 0; `truncated` is always False. `info` has `score`, `steps`, `cause` (once over) and `utility`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 10}  # noqa: RUF012 (gymnasium's form)

    def __init__(self, size: int = 6, walls: float = 0.0, render_mode: str | None = None) -> None:
        """Describe the spaces; the game begins at `reset`."""
        self.task = SnakeTask(size, walls)
        self.render_mode = render_mode
        self.observation_space = Box(0, WALL, (size, size), np.uint8)
        self.action_space = Discrete(4)
        self._engine = self.task.engine(np.zeros(1, np.uint64))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin a new game; the next ones follow from the last given seed."""
        super().reset(seed=seed)
        self._engine = self.task.engine(self.np_random.integers(0, 2**64, 1, dtype=np.uint64))
        return self._board(), self._info()

    def step(self, action: np.int64) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Move once; a finished game stays as it is and pays nothing."""
        before = self._engine.outcomes()
        self._engine.step(np.array([action]))
        after = self._engine.outcomes()
        died = int(before.cause[0]) < 0 <= int(after.cause[0]) <= HIT_BODY
        reward = float(after.score[0] - before.score[0]) - float(died)
        return self._board(), reward, bool(self._engine.done[0]), False, self._info()

    def render(self) -> NDArray[np.uint8] | str | None:
        """Return the picture or the text that `render_mode` asks for."""
        observations = self._engine.observations()
        if self.render_mode == "rgb_array":
            picture: NDArray[np.uint8] = render(observations, CELL_PX)[0]
            return picture
        return ansi(observations, 0) if self.render_mode == "ansi" else None

    def _board(self) -> NDArray[np.uint8]:
        board: NDArray[np.uint8] = self._engine.observations().columns["board"].astype(np.uint8)
        return board.reshape(self.task.size, self.task.size)

    def _info(self) -> dict[str, Any]:
        outcomes = self._engine.outcomes()
        info = {"score": int(outcomes.score[0]), "steps": int(outcomes.steps[0]), "utility": float(outcomes.utility[0])}
        cause = int(outcomes.cause[0])
        return info | ({"cause": self.task.causes[cause]} if cause >= 0 else {})


gymnasium.register(id=ID, entry_point="ouroboros.envs.gymnasium_env:SnakeEnv")

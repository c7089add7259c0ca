"""The games as an environment of Stable-Baselines3, and the first layer of its nets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from ouroloop.bench.peers.baseline import GAMES, seen_from_head
from ouroloop.envs.snake.gymnasium_id import ID
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from gymnasium.spaces import Box
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn
    from torch import Tensor

    from ouroloop.envs.snake.task import SnakeTask


class Games(VecEnv):
    """The registered vector environment in the form that Stable-Baselines3 expects; `scores` has those of finished games."""

    def __init__(self, task: SnakeTask, seed: int) -> None:
        """Begin games of the `train` stream; each is followed by the games that its key determines."""
        s = task.settings
        walls = None if s.wall_map is None else ["".join("#" if wall else "." for wall in row) for row in s.wall_map]
        self.games: Any = gymnasium.make_vec(
            ID,
            num_envs=GAMES,
            size=task.size,
            autoreset_mode="SameStep",
            walls=s.walls,
            wall_map=walls,
            food=s.food,
            start_length=s.start_length,
            idle_limit=s.idle_limit,
        )
        self.scores: list[int] = []
        self.first: list[int] | None = game_seeds(seed, "train", 0, GAMES)
        self.moves: NDArray[np.int64] = np.zeros(GAMES, dtype=np.int64)
        super().__init__(GAMES, self.games.single_observation_space, self.games.single_action_space)

    def reset(self) -> NDArray[Any]:
        """Begin the games: (B, n, n) uint8."""
        boards: NDArray[Any] = self.games.reset(seed=self.first)[0]
        self.first = None
        return boards

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the moves: (B,)."""
        self.moves = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Make the moves; games that end begin anew at once."""
        boards, rewards, terminated, truncated, infos = self.games.step(self.moves)
        ended = terminated | truncated
        told: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(ended):
            told[row] = {"terminal_observation": infos["final_obs"][row]}
            self.scores.append(int(infos["final_info"]["score"][row]))
        return boards, rewards, ended, told

    def close(self) -> None:
        """End the games."""
        self.games.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return the environment's attribute, once for each game asked about."""
        return [getattr(self.games, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set the attribute of all games: they are one environment.

        Raises:
            ValueError: only some of the games are meant.
        """
        self._require_all(indices, f"setting {attr_name}")
        setattr(self.games, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        """Call the method for all games at once, and return what it returns, once for each game.

        Raises:
            ValueError: only some of the games are meant.
        """
        self._require_all(indices, f"calling {method_name}")
        return [getattr(self.games, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def _require_all(self, indices: VecEnvIndices, what: str) -> None:
        """Refuse to touch some of the games alone: they are one environment."""
        named = sorted(self._get_indices(indices))
        if named != list(range(self.num_envs)):
            raise ValueError(f"{what} in games {named} of {self.num_envs}: they are one environment, so leave `indices` out")

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Say that no game is wrapped."""
        return [False] * len(list(self._get_indices(indices)))


class HeadView(BaseFeaturesExtractor):
    """The input of both nets; see `baseline.seen_from_head`."""

    def __init__(self, observation_space: Box) -> None:
        """Compute the number of features."""
        super().__init__(observation_space, 2 * (2 * observation_space.shape[0] - 1) ** 2)

    def forward(self, observations: Tensor) -> Tensor:
        """Return (B, 2 (2n - 1)^2) of boards (B, n, n)."""
        return seen_from_head(observations)

"""The part of the baselines that needs Stable-Baselines3: games in its form, the first layer of its nets, its training."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from ouroloop.bench.peers.baseline import GAMES, HIDDEN, SETTINGS, BaselinePolicy, Card, seen_from_head
from ouroloop.envs.snake import gymnasium_env
from ouroloop.policy.play import play
from ouroloop.protocols.errors import TrainingError
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from gymnasium.spaces import Box
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn
    from torch import Tensor

    from ouroloop.envs.snake.task import SnakeTask
    from ouroloop.policy.report import Progress

CURVE_GAMES = 32
"""Games of a point of the learning curve, from the `search` stream."""


class Games(VecEnv):
    """The registered vector environment in the form that Stable-Baselines3 asks for; `scores` has those of finished games."""

    def __init__(self, task: SnakeTask, seed: int) -> None:
        """Begin games of the `train` stream, each followed by those that follow from it."""
        s = task.settings
        walls = None if s.wall_map is None else ["".join("#" if wall else "." for wall in row) for row in s.wall_map]
        self.games: Any = gymnasium.make_vec(
            gymnasium_env.ID,
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
        """Take the moves: (B,)."""
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
        """Refuse: the games are one object."""
        raise NotImplementedError(f"attribute {attr_name} cannot be set: the games are one environment")

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        """Refuse: the games are one object."""
        raise NotImplementedError(f"method {method_name} cannot be called: the games are one environment")

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Say that no game is wrapped."""
        return [False] * len(list(self._get_indices(indices)))


class HeadView(BaseFeaturesExtractor):
    """What both nets see; see `baselines.seen_from_head`."""

    def __init__(self, observation_space: Box) -> None:
        """Say how much it is."""
        super().__init__(observation_space, 2 * (2 * observation_space.shape[0] - 1) ** 2)

    def forward(self, observations: Tensor) -> Tensor:
        """Return (B, 2 (2n - 1)^2) of boards (B, n, n)."""
        return seen_from_head(observations)


@dataclass(slots=True)
class Diary:
    """What is noted of a training: the model, its loss after each round of updates, scores of games, points of the curve."""

    card: Card
    model: PPO | DQN
    scores: list[int]
    loss: list[float] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)

    @property
    def moves(self) -> int:
        """Moves made in all games."""
        return int(self.model.num_timesteps)

    def policy(self) -> BaselinePolicy:
        """Return a copy of the layers that choose the moves now."""
        policy: Any = self.model.policy
        ppo = self.card.kind == "ppo"
        modules = [*policy.mlp_extractor.policy_net, policy.action_net] if ppo else [*policy.q_net.q_net]
        layers = [m for m in modules if isinstance(m, torch.nn.Linear)]
        return BaselinePolicy(self.card, [(m.weight.detach().clone(), m.bias.detach().clone()) for m in layers])


class Notes(BaseCallback):
    """Writes the diary."""

    def __init__(
        self, diary: Diary, task: SnakeTask, steps: int, seed: int, progress: Progress, curve: int, limit_s: float
    ) -> None:
        """Take where to write, whom to tell and when to stop."""
        super().__init__()
        self.diary, self.task, self.steps, self.progress, self.points = diary, task, steps, progress, curve
        self.seeds = np.array(game_seeds(seed, "search", 0, CURVE_GAMES), dtype=np.uint64)
        self.told, self.end_s = 0.0, time.process_time() + limit_s

    def _on_step(self) -> bool:
        """Say whether to go on."""
        return time.process_time() < self.end_s

    def _on_rollout_start(self) -> None:
        """Note the loss of the updates before, and tell of the progress."""
        diary, fraction = self.diary, min(1.0, self.diary.moves / self.steps)
        loss = self.logger.name_to_value.pop("train/loss", None)
        if loss is not None:
            diary.loss.append(float(loss))
            if not math.isfinite(loss):
                raise TrainingError(f"{diary.card.kind}: after {diary.moves} moves: loss {loss}, expected a finite one")
        if len(diary.curve) < int(fraction * self.points):
            score = play(self.task, diary.policy(), self.seeds).score.mean()
            diary.curve.append((diary.moves, float(score)))
        if fraction - self.told >= 0.01:
            self.told = fraction
            self.progress(diary.card.kind, fraction, self._figures(diary.scores[-100:]))

    def _on_training_end(self) -> None:
        """Note what came of the last updates."""
        self._on_rollout_start()

    def _figures(self, scores: Sequence[int]) -> dict[str, float]:
        return {
            "loss": self.diary.loss[-1] if self.diary.loss else math.nan,
            "score": float(np.mean(scores)) if scores else 0.0,
        }


def fit(card: Card, task: SnakeTask, steps: int, seed: int, progress: Progress, curve: int, limit_s: float = math.inf) -> Diary:
    """Train; the arguments are those of `baselines.train`."""
    games = Games(task, seed)
    view = {"features_extractor_class": HeadView, "net_arch": list(HIDDEN), "activation_fn": torch.nn.ReLU}
    algorithm: type[PPO] | type[DQN] = PPO if card.kind == "ppo" else DQN
    model = algorithm("MlpPolicy", games, policy_kwargs=view, seed=seed % 2**32, device="cpu", verbose=0, **SETTINGS[card.kind])
    diary = Diary(card, model, games.scores)
    model.learn(steps, callback=Notes(diary, task, steps, seed, progress, curve, limit_s))
    games.close()
    return diary

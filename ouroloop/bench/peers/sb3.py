"""The part of the baselines that imports Stable-Baselines3: training, and a diary of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback

from ouroloop.bench.peers.baseline import HIDDEN, SETTINGS, BaselinePolicy, Card
from ouroloop.bench.peers.sb3_games import Games, HeadView
from ouroloop.policy.play import play
from ouroloop.protocols.errors import TrainingError
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from ouroloop.envs.snake.task import SnakeTask
    from ouroloop.policy.report import Progress

CURVE_GAMES = 32
"""Games per point of the learning curve, from the `search` stream."""


@dataclass(slots=True)
class Diary:
    """A record of a training: the model, its loss after each round of updates, scores of games, points of the curve."""

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
        """Return a copy of the layers that choose the moves at present."""
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
        """Keep the diary, the progress callback and the limit."""
        super().__init__()
        self.diary, self.task, self.steps, self.progress, self.points = diary, task, steps, progress, curve
        self.seeds = np.array(game_seeds(seed, "search", 0, CURVE_GAMES), dtype=np.uint64)
        self.told, self.end_s = 0.0, time.process_time() + limit_s

    def _on_step(self) -> bool:
        """Return whether to continue."""
        return time.process_time() < self.end_s

    def _on_rollout_start(self) -> None:
        """Record the loss of the previous updates, and report the progress."""
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
        """Record the result of the last updates."""
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

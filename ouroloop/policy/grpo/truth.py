"""Proxy and truth side by side: the policy plays held-out games greedily, which give its score and the reward's return.

No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.policy.grpo.monitors import Truth
from ouroloop.policy.grpo.rollout import finite
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.grpo.rollout import RewardFunction
    from ouroloop.protocols.ports import Policy, Task


@dataclass(frozen=True, slots=True)
class Exam:
    """The same held-out games for every check of a training.

    Args:
        task: the game.
        reward: r_spec.
        discount: per move, as in training.
        seed: of the training; the games are the first of its `search` stream.
        games: N.
    """

    task: Task
    reward: RewardFunction
    discount: float
    seed: int
    games: int

    def take(self, policy: Policy, step: int) -> Truth:
        """Play the games to their end; return scores and returns after `step` optimizer steps."""
        engine = self.task.engine(np.array(game_seeds(self.seed, "search", 0, self.games), dtype=np.uint64))
        seen, running = [], []
        while not engine.done.all():
            rows = np.flatnonzero(~engine.done)
            actions = np.zeros(engine.games, dtype=np.int8)
            actions[rows] = policy.logits(engine.observations(rows)).argmax(axis=1)
            running.append(~engine.done)
            seen.append(engine.step_features(actions))
        spec = finite(self.reward, np.stack(seen))
        return Truth(step, engine.outcomes().score.astype(np.float64), mean_return(spec, np.stack(running), self.discount))


def mean_return(rewards: NDArray[np.float32], running: NDArray[np.bool_], discount: float) -> NDArray[np.float64]:
    """Return each game's discounted return to go, averaged over its moves: what GRPO raises, on the policy's own states.

    Args:
        rewards: (T, N) of each move.
        running: (T, N), false from a game's end on.
        discount: per move.

    Returns:
        (N,) float64.
    """
    ahead, total = np.zeros(rewards.shape[1]), np.zeros(rewards.shape[1])
    for reward, alive in zip(rewards[::-1], running[::-1], strict=True):
        ahead = np.where(alive, reward + discount * ahead, 0.0)
        total += ahead
    return np.asarray(total / np.maximum(1, running.sum(axis=0)))

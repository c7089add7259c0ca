"""The common ground of both GRPO trainers: one model, the same positions, the same rewards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.loop import Fleet
from ouroloop.policy.bases import player_of
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.grpo.rollout import Futures, answer_logits, answer_logprobs, sample
from ouroloop.policy.grpo.sampler import Sampler, frozen
from ouroloop.policy.grpo.trainer import Batch
from ouroloop.policy.snake_gpt import SnakeGPT, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations


@dataclass(frozen=True, slots=True)
class Ground:
    """Positions with the reward of every action.

    Args:
        start: the policy directory from which both sides start.
        positions: P observations.
        texts: their prompts.
        worth: (P, A) float32, the reward of each action.
        config: settings of both sides; answers are drawn from the whole vocabulary, as the stock trainer does.
        seed: of sampling and order.
    """

    start: Path
    positions: Observations
    texts: list[str]
    worth: NDArray[np.float32]
    config: GrpoConfig
    seed: int

    def rewards(self, rows: NDArray[np.int64], tokens: NDArray[np.int64], actions: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the rewards of answers (S, G) in positions (S,): (S, G) float32; an answer that is no action gets -1."""
        hit = tokens[:, :, None] == np.array(actions)
        worth = np.take_along_axis(self.worth[rows], hit.argmax(axis=2), axis=1)
        return np.where(hit.any(axis=2), worth, np.float32(-1.0))


def lay_out(task: Task, start: Path, config: GrpoConfig, count: int, seed: int) -> Ground:
    """Return `count` positions spread over the game, with each action's reward measured by the config's futures."""
    policy = load(start)
    engine = task.positions(seed, count)
    actions = np.tile(np.arange(len(task.actions)), count)
    fleet = Fleet([engine.clone(np.repeat(np.arange(count), len(task.actions)))])
    futures = Futures(lambda x: np.zeros(x.shape[:-1], np.float32), config.horizon, config.discount, "greedy")
    worth, _, _ = futures.returns(task, player_of(policy), fleet, actions)
    positions = engine.observations()
    settings = config.model_copy(update={"sampler": "vocabulary"})
    return Ground(start, positions, policy.encoding.texts(positions), worth.reshape(count, -1), settings, seed)


class Table:
    """Our side's supply: positions in turn, answers from the sampler, rewards from the table."""

    def __init__(self, ground: Ground, policy: SnakeGPT) -> None:
        """Keep the policy, and a copy of it as the reference."""
        self.ground, self.policy = ground, policy
        self.sampler: Sampler = player_of(policy)
        self.reference = frozen(policy)
        self.generator = np.random.default_rng(ground.seed)

    def __call__(self, progress: float) -> Batch:
        """Return a batch; a `trainer.Supply`."""
        config = self.ground.config
        rows = self.generator.choice(len(self.ground.worth), config.states, replace=False)
        self.sampler.refresh()
        seen = self.ground.positions.take(rows)
        tokens, logprobs = sample(answer_logits(self.sampler, seen, config.sampler), config.group, self.generator)
        reference = answer_logprobs(self.reference, seen, tokens, config.sampler)
        ids, mask = self.policy.encode(seen)
        rewards = self.ground.rewards(rows, tokens, self.policy.actions)
        return Batch(ids, mask, tokens, logprobs, reference, rewards, {})

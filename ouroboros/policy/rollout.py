"""What GRPO learns from: on-policy states, groups of actions sampled in each, and what every action leads to.

All members of a group start from the same state, and their futures share the game's randomness (common random numbers), so
that the members of a group differ by their actions alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ouroboros.policy.encodings import ACTIONS
from ouroboros.policy.fleet import Fleet
from ouroboros.protocols.errors import TrainingError
from ouroboros.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroboros.policy.local import LocalPolicy
    from ouroboros.protocols.ports import Engine, Task

RewardFunction: TypeAlias = "Callable[[NDArray[np.float32]], NDArray[np.float32]]"
"""Features (..., F) float32, in the order of the task's `features`, to r_spec (...,) float32."""
FIRST_GAME = 1 << 30
"""Training games of GRPO begin here in the `train` stream, beyond those of supervised fine-tuning."""


@dataclass(frozen=True, slots=True)
class Groups:
    """S groups of G sampled answers.

    Args:
        prompts: S prompts as ids, without padding.
        tokens: (S, G) int64, the sampled tokens.
        logprobs: (S, G) float32, their log-probabilities under the sampler.
        env: (S, G) float32, discounted returns of r_env.
        spec: (S, G) float32, discounted returns of r_spec, without gamma_r.
    """

    prompts: tuple[NDArray[np.int32], ...]
    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    env: NDArray[np.float32]
    spec: NDArray[np.float32]


class Actors:
    """Games that the current policy plays by sampling, at staggered moments, so that their states cover the whole course.

    Args:
        task: the game.
        policy: what plays.
        seed: of the games and of the sampling.
        crews: engines; each is replaced by fresh games when three quarters of its games are over.
        games: games per engine.
        stagger: moves between one engine's age and the next one's at the beginning.
        explore: share of the moves that are sampled; the others are the most probable ones, as when the policy is scored.
    """

    def __init__(
        self, task: Task, policy: LocalPolicy, seed: int, *, crews: int, games: int, stagger: int, explore: float
    ) -> None:
        """Start the games and bring them to their different ages."""
        self.task, self.policy, self.seed, self.games, self.explore = task, policy, seed, games, explore
        self.generator = np.random.default_rng([seed, 0x6A70])
        self.started = 0
        self.fleet = Fleet([self._fresh() for _ in range(crews)])
        for age in range(1, crews):
            part = Fleet(self.fleet.engines[age:])
            for _ in range(stagger):
                self._advance(part)

    def advance(self, moves: int) -> None:
        """Let every game go on by some sampled moves, and replace engines whose games are mostly over."""
        for _ in range(moves):
            self._advance(self.fleet)
        engines = self.fleet.engines
        self.fleet = Fleet([self._fresh() if engine.done.mean() >= 0.75 else engine for engine in engines])

    def _advance(self, fleet: Fleet) -> None:
        rows = np.flatnonzero(~fleet.done)
        if not len(rows):
            return
        logits = self.policy.logits(fleet.observations(rows))
        actions = np.zeros(fleet.games, dtype=np.int8)
        sampled = sample(logits, 1, self.generator)[0][:, 0]
        actions[rows] = np.where(self.generator.random(len(rows)) < self.explore, sampled, logits.argmax(axis=1))
        fleet.step(actions)

    def _fresh(self) -> Engine:
        seeds = game_seeds(self.seed, "train", FIRST_GAME + self.started, self.games)
        self.started += self.games
        return self.task.engine(np.array(seeds, dtype=np.uint64))


def sample(
    logits: NDArray[np.float32], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return `count` draws from each row's softmax, and their log-probabilities.

    Args:
        logits: (B, V) float32.
        count: draws per row.
        generator: the randomness.

    Returns:
        (B, count) int64 and (B, count) float32.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    edges = np.exp(logp).cumsum(axis=1)
    draws = generator.random((len(logits), count)) * edges[:, -1:]
    picked = (draws[:, :, None] >= edges[:, None, :]).sum(axis=2)
    return picked, np.take_along_axis(logp, picked, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Futures:
    """How the worth of an action is measured: its discounted return over a horizon.

    The horizon cuts without a bootstrap, since there is no critic; what lies beyond it is the same for all of a group's
    members up to `discount ** horizon`.

    Args:
        reward: r_spec of features.
        columns: index of `ate`, `died` and `starved` among the features.
        horizon: moves, the action itself included.
        discount: per move.
        continuation: who moves after the action: `policy`, or a teacher's name.
    """

    reward: RewardFunction
    columns: tuple[int, int, int]
    horizon: int
    discount: float
    continuation: str

    def returns(
        self, task: Task, policy: LocalPolicy, fleet: Fleet, actions: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Play the actions (P,) in the fleet's P games and go on; return the env and the spec return: (P,) float32 each.

        r_env is +1 for food, -1 for a death or starvation, else 0.

        Raises:
            TrainingError: the reward is not finite.
        """
        env = np.zeros(len(actions), dtype=np.float32)
        seen, weights = [], []
        ate, died, starved = self.columns
        for step in range(self.horizon):
            running = ~fleet.done
            if not running.any():
                break
            features = fleet.step_features(actions)
            weight = np.float32(self.discount**step) * running
            env += weight * (features[:, ate] - np.maximum(features[:, died], features[:, starved]))
            seen.append(features)
            weights.append(weight)
            if step + 1 < self.horizon:
                actions = self._continue(task, policy, fleet)
        spec = np.asarray(self.reward(np.stack(seen)), dtype=np.float32)
        if not np.isfinite(spec).all():
            raise TrainingError("grpo: the reward of a transition is not finite; screen the spec before training under it")
        return env, np.asarray((np.stack(weights) * spec).sum(axis=0), dtype=np.float32)

    def _continue(self, task: Task, policy: LocalPolicy, fleet: Fleet) -> NDArray[np.int8]:
        """Return the next moves of all games: (P,) int8."""
        actions = np.zeros(fleet.games, dtype=np.int8)
        rows = np.flatnonzero(~fleet.done)
        if not len(rows):
            return actions
        if self.continuation == "policy":
            actions[rows] = policy.logits(fleet.observations(rows)).argmax(axis=1)
            return actions
        return np.concatenate([task.teach(self.continuation, engine) for engine in fleet.engines])


def collect(actors: Actors, futures: Futures, states: int, group: int) -> Groups:
    """Sample a group of answers in each of `states` positions of the actors, and measure what each answer leads to.

    Positions whose group holds different actions are taken first: where all members agree there is nothing to learn (the
    dynamic sampling of DAPO, Yu et al. 2025). An answer that is no action counts as a death.

    Args:
        actors: where the positions come from.
        futures: how answers are measured.
        states: S; with fewer unfinished games than that, some positions are taken twice.
        group: G.
    """
    fleet, policy, generator = actors.fleet, actors.policy, actors.generator
    rows = generator.permutation(np.flatnonzero(~fleet.done))
    rows = np.resize(rows, max(states, len(rows)))
    rows.sort()
    observations = fleet.observations(rows)
    tokens, logprobs = sample(policy.token_logits(observations), group, generator)
    agreed = (tokens == tokens[:, :1]).all(axis=1)
    order = np.lexsort((generator.random(len(rows)), agreed))[:states]
    order.sort()
    tokens, logprobs = tokens[order], logprobs[order]
    env, spec = _measure(actors, futures, rows[order], tokens)
    ids, mask = policy.policy.encode(observations.take(order))
    return Groups(tuple(row[keep] for row, keep in zip(ids, mask, strict=True)), tokens, logprobs, env, spec)


def _measure(
    actors: Actors, futures: Futures, rows: NDArray[np.int64], tokens: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return env and spec returns of the tokens sampled in the fleet's ascending rows: (S, G) float32 each."""
    first = ACTIONS[0]
    actions = tokens - first
    valid = (actions >= 0) & (actions < len(ACTIONS))
    state = np.broadcast_to(np.arange(len(rows))[:, None], tokens.shape)
    pairs, index = np.unique(state[valid] * len(ACTIONS) + actions[valid], return_inverse=True)
    env, spec = np.full(tokens.shape, -1.0, dtype=np.float32), np.zeros(tokens.shape, dtype=np.float32)
    if not len(pairs):
        return env, spec
    clones = actors.fleet.clone(rows[pairs // len(ACTIONS)])
    returns = futures.returns(actors.task, actors.policy, clones, pairs % len(ACTIONS))
    env[valid], spec[valid] = returns[0][index], returns[1][index]
    return env, spec

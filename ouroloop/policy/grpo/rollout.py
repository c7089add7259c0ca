"""The data of GRPO: on-policy states, groups of answers sampled in each, and the outcome of every action.

All members of a group start from the same state, and their futures share the game's randomness (common random numbers).
The members of a group therefore differ only in their actions. No torch. The module is long because the chain from games
to groups is kept in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ouroloop.envs.capabilities import teachers_of
from ouroloop.envs.loop import Fleet
from ouroloop.policy.grpo.monitors import diversity, zero_variance
from ouroloop.protocols.errors import TrainingError
from ouroloop.protocols.seeds import game_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.policy.grpo.sampler import Sampler
    from ouroloop.protocols.ports import Engine, Task
    from ouroloop.protocols.records import Observations

RewardFunction: TypeAlias = "Callable[[NDArray[np.float32]], NDArray[np.float32]]"
"""Features (..., F) float32, in the order of the task's `features`, to r_spec (...,) float32.

If it also has an attribute `terms`, a mapping of names to such functions, the return of each term is logged separately.
"""
Over: TypeAlias = Literal["actions", "vocabulary"]
"""What answers are drawn from: the action tokens, renormalised, or all tokens."""
FIRST_GAME = 1 << 35
"""Training games of GRPO begin here in the `train` stream, beyond those of supervised fine-tuning."""


@dataclass(frozen=True, slots=True)
class TermedReward:
    """A reward with separate terms.

    Args:
        total: r_spec.
        terms: its parts, by name.
    """

    total: RewardFunction
    terms: Mapping[str, RewardFunction]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return r_spec."""
        return self.total(features)


@dataclass(frozen=True, slots=True)
class Weights:
    """How the returns combine to a reward: `env * r_env + spec * r_spec`."""

    env: float
    spec: float

    def total(self, env: NDArray[np.float32], spec: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rewards, elementwise."""
        return np.float32(self.env) * env + np.float32(self.spec) * spec


@dataclass(frozen=True, slots=True)
class Groups:
    """S groups of G sampled answers.

    Args:
        observations: the S states.
        tokens: (S, G) int64, the sampled tokens.
        logprobs: (S, G) float32, their log-probabilities under the sampler.
        env: (S, G) float32, discounted returns of r_env.
        spec: (S, G) float32, discounted returns of r_spec, without gamma_r.
        terms: the mean return of each term of r_spec, by name.
        diversity: share of groups that hold different answers, among all that were sampled.
    """

    observations: Observations
    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    env: NDArray[np.float32]
    spec: NDArray[np.float32]
    terms: Mapping[str, float] = field(default_factory=dict)
    diversity: float = 1.0


class Actors:
    """Games that the current policy plays by sampling, at staggered moments, so that their states cover the whole course.

    Args:
        task: the game.
        sampler: plays the games.
        seed: of the games and of the sampling.
        crews: engines; each is replaced by fresh games when three quarters of its games are over.
        games: games per engine.
        stagger: difference in age, in moves, between one engine and the next at the beginning.
        explore: share of the moves that are sampled; the others are the most probable ones, as when the policy is scored.
    """

    def __init__(
        self, task: Task, sampler: Sampler, seed: int, *, crews: int, games: int, stagger: int, explore: float
    ) -> None:
        """Start the games and advance them to their different ages."""
        self.task, self.sampler, self.seed = task, sampler, seed
        self.crews, self.games, self.stagger, self.explore = crews, games, stagger, explore
        self.restart(0)

    def restart(self, step: int) -> None:
        """Start other games and other draws, which depend only on seed and step, and advance them to their ages.

        A training does so at each checkpoint, whether it is interrupted there or not, so no state of the games needs saving.
        """
        self.generator = np.random.default_rng([self.seed, 0x6A70, step])
        # Until then each engine has been started once, and replaced at most once per step: no game is used twice.
        self.started = 2 * step * self.crews * self.games
        self.fleet = Fleet([self._fresh() for _ in range(self.crews)])
        for age in range(1, self.crews):
            part = Fleet(self.fleet.engines[age:])
            for _ in range(self.stagger):
                self._advance(part)

    def advance(self, moves: int) -> None:
        """Advance every game by some sampled moves, and replace engines whose games are mostly over."""
        for _ in range(moves):
            self._advance(self.fleet)
        engines = self.fleet.engines
        self.fleet = Fleet([self._fresh() if engine.done.mean() >= 0.75 else engine for engine in engines])

    def _advance(self, fleet: Fleet) -> None:
        rows = np.flatnonzero(~fleet.done)
        if not len(rows):
            return
        logits = self.sampler.logits(fleet.observations(rows))
        actions = np.zeros(fleet.games, dtype=np.int8)
        sampled = sample(logits, 1, self.generator)[0][:, 0]
        actions[rows] = np.where(self.generator.random(len(rows)) < self.explore, sampled, logits.argmax(axis=1))
        fleet.step(actions)

    def _fresh(self) -> Engine:
        seeds = game_seeds(self.seed, "train", FIRST_GAME + self.started, self.games)
        self.started += self.games
        return self.task.engine(np.array(seeds, dtype=np.uint64))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return log-probabilities: (B, K) logits to (B, K)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


class Diverged(Exception):
    """The policy's logits are not finite, so there are no moves to sample."""


def sample(
    logits: NDArray[np.float32], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return `count` draws from each row's softmax, and their log-probabilities.

    Args:
        logits: (B, K) float32.
        count: draws per row.
        generator: source of randomness.

    Returns:
        (B, count) int64 and (B, count) float32.

    Raises:
        Diverged: a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise Diverged
    logp = log_softmax(logits)
    edges = np.exp(logp).cumsum(axis=1)
    # Row r lies in [r, r + 1), so one search serves all rows.
    offset = np.arange(len(logits))[:, None]
    edges = edges / edges[:, -1:] + offset
    draws = generator.random((len(logits), count)) + offset
    picked = np.searchsorted(edges.ravel(), draws.ravel(), side="right").reshape(draws.shape) - offset * logits.shape[1]
    picked = np.minimum(picked, logits.shape[1] - 1)
    return picked, np.take_along_axis(logp, picked, axis=1).astype(np.float32)


def answer_logits(sampler: Sampler, observations: Observations, over: Over) -> NDArray[np.float32]:
    """Return the logits from which answers are drawn: (B, A) of the actions, or (B, V) of all tokens."""
    return sampler.logits(observations) if over == "actions" else sampler.token_logits(observations)


def answer_logprobs(sampler: Sampler, observations: Observations, tokens: NDArray[np.int64], over: Over) -> NDArray[np.float32]:
    """Return the log-probabilities of answers under a sampler: (S, G) tokens to (S, G) float32."""
    columns = tokens
    if over == "actions":
        columns = (tokens[:, :, None] == np.array(sampler.policy.actions)).argmax(axis=2)
    return np.take_along_axis(log_softmax(answer_logits(sampler, observations, over)), columns, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Futures:
    """How the reward of an action is measured: as its discounted return over a horizon.

    If the horizon ends in mid-game, it is cut without a bootstrap, since there is no critic. What lies beyond counts as 0 for
    all members of a group alike, an error of at most `discount ** horizon` of a return. A game that has ended is not
    bootstrapped either, which is exact, since nothing comes after it.

    Args:
        reward: r_spec of features.
        horizon: number of moves, including the action itself.
        discount: per move.
        continuation: who moves after the action: `policy`, or a teacher's name. In a game without teachers, the policy
            always continues.
    """

    reward: RewardFunction
    horizon: int
    discount: float
    continuation: str

    def returns(
        self, task: Task, sampler: Sampler, fleet: Fleet, actions: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Play the actions (P,) in the fleet's P games and go on; return the returns of r_env, r_spec and its terms: (P,) each.

        r_env is the game's own reward.

        Raises:
            TrainingError: the reward is not finite.
        """
        env = np.zeros(len(actions), dtype=np.float32)
        seen, weights = [], []
        for step in range(self.horizon):
            running = ~fleet.done
            if not running.any():
                break
            features = fleet.step_features(actions)
            weight = np.float32(self.discount**step) * running
            env += weight * task.reward(features)
            seen.append(features)
            weights.append(weight)
            if step + 1 < self.horizon:
                actions = self._continue(task, sampler, fleet)
        transitions, weight = np.stack(seen), np.stack(weights)
        terms: Mapping[str, RewardFunction] = getattr(self.reward, "terms", {})
        apart = {name: (weight * term(transitions)).sum(axis=0) for name, term in terms.items()}
        return env, np.asarray((weight * finite(self.reward, transitions)).sum(axis=0), dtype=np.float32), apart

    def _continue(self, task: Task, sampler: Sampler, fleet: Fleet) -> NDArray[np.int8]:
        """Return the next moves of all games: (P,) int8."""
        actions = np.zeros(fleet.games, dtype=np.int8)
        rows = np.flatnonzero(~fleet.done)
        if not len(rows):
            return actions
        if self.continuation == "policy" or task.teachers is None:
            actions[rows] = sampler.logits(fleet.observations(rows)).argmax(axis=1)
            return actions
        return np.concatenate([teachers_of(task).teach(self.continuation, engine) for engine in fleet.engines])


def finite(reward: RewardFunction, transitions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return r_spec of transitions (..., F): (...,) float32. Raises TrainingError if it is not finite."""
    spec = np.asarray(reward(transitions), dtype=np.float32)
    if not np.isfinite(spec).all():
        raise TrainingError("grpo: the reward of a transition is not finite; screen the spec before training under it")
    return spec


def collect(
    actors: Actors,
    futures: Futures,
    states: int,
    group: int,
    *,
    over: Over = "vocabulary",
    weights: Weights | None = None,
    resample: int = 0,
) -> Groups:
    """Sample a group of answers in each of `states` positions of the actors, and measure what each answer leads to.

    Positions whose group holds different answers come first: if all members agree, there is nothing to learn. With
    `resample`, groups whose answers all have one reward are replaced by others (both are the dynamic sampling of DAPO, Yu et
    al. 2025, section 3.2). An answer that is not an action counts as a death.

    Args:
        actors: source of the positions.
        futures: how answers are measured.
        states: S; if there are fewer unfinished games, some positions are used twice.
        group: G.
        over: what answers are drawn from.
        weights: of the returns, to decide which groups have only one reward; r_env alone by default.
        resample: most rounds of replacing all groups that need it, as long as others are left.
    """
    fleet, sampler, generator = actors.fleet, actors.sampler, actors.generator
    rows = generator.permutation(np.flatnonzero(~fleet.done))
    rows = np.resize(rows, max(states, len(rows)))
    rows.sort()
    observations = fleet.observations(rows)
    picked, logprobs = sample(answer_logits(sampler, observations, over), group, generator)
    tokens = np.array(sampler.policy.actions)[picked] if over == "actions" else picked
    agreed = (tokens == tokens[:, :1]).all(axis=1)
    order = np.lexsort((generator.random(len(rows)), agreed))
    chosen, spare = np.sort(order[:states]), order[states:][~agreed[order[states:]]]
    measured = _measure(actors, futures, rows[chosen], tokens[chosen])
    for _ in range(resample):
        total = (weights or Weights(1.0, 0.0)).total(measured[0], measured[1])
        flat = np.flatnonzero(zero_variance(total))[: len(spare)]
        if not len(flat):
            break
        chosen[flat], spare = spare[: len(flat)], spare[len(flat) :]
        chosen = np.sort(chosen)
        measured = _measure(actors, futures, rows[chosen], tokens[chosen])
    env, spec, terms = measured
    return Groups(observations.take(chosen), tokens[chosen], logprobs[chosen], env, spec, terms, diversity(tokens))


def _measure(
    actors: Actors, futures: Futures, rows: NDArray[np.int64], tokens: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, float]]:
    """Return the results of the tokens sampled in the fleet's ascending rows.

    Returns:
        env: (S, G) float32, spec: (S, G) float32, and the mean return of each term.
    """
    known = np.array(actors.sampler.policy.actions)
    actions, valid = (tokens[:, :, None] == known).argmax(axis=2), np.isin(tokens, known)
    state = np.broadcast_to(np.arange(len(rows))[:, None], tokens.shape)
    pairs, index = np.unique(state[valid] * len(known) + actions[valid], return_inverse=True)
    env, spec = np.full(tokens.shape, -1.0, dtype=np.float32), np.zeros(tokens.shape, dtype=np.float32)
    if not len(pairs):
        return env, spec, {}
    clones = actors.fleet.clone(rows[pairs // len(known)])
    own_env, own_spec, terms = futures.returns(actors.task, actors.sampler, clones, pairs % len(known))
    env[valid], spec[valid] = own_env[index], own_spec[index]
    return env, spec, {name: float(value[index].mean()) for name, value in terms.items()}

"""GRPO of a language policy under `env_weight * r_env + gamma_r * r_spec`, on TRL's `GRPOTrainer`.

A group is G actions sampled in one state. An action's reward is its discounted return over a horizon (`rollout`). The trainer
gets measured groups in states that the current policy has just reached; ratio, clip, k3 KL and loss are TRL's (`trainer`). A
guard watches every step and examines the policy on held-out games (`guard`, `monitors`): an alarm is noted, or it ends the
training with the last good weights.

A training takes a fixed number of steps, never a time limit, so the same seed gives the same weights. At a checkpoint
the games begin anew from a seed of that step, so an interrupted training resumes from its last checkpoint to the same
weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from transformers import TrainerCallback

from ouroloop.policy.bases import open_policy, player_of, save_policy
from ouroloop.policy.distributed import alone
from ouroloop.policy.grpo.config import VARIANTS, GrpoConfig
from ouroloop.policy.grpo.guard import Guard, Halt
from ouroloop.policy.grpo.rollout import Actors, Diverged, Futures, Groups, RewardFunction, Weights, answer_logprobs, collect
from ouroloop.policy.grpo.sampler import Sampler, frozen
from ouroloop.policy.grpo.trainer import Batch, build_trainer, drift
from ouroloop.policy.grpo.truth import Exam
from ouroloop.policy.report import Progress, TrainingReport, silent
from ouroloop.policy.snake_gpt import quiet
from ouroloop.policy.training import Record, Workplace

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.ports import Task

__all__ = ["FIGURES", "GrpoConfig", "improve", "train_grpo"]

FIGURES: Final = {
    "return_env": "return_env",
    "return_spec": "return_spec",
    "kl": "kl",
    "kl_old": "kl_old",
    "entropy": "entropy",
    "diversity": "diversity",
    "clip_fraction": "clip_ratio/region_mean",
    "clip_low": "clip_low",
    "clip_high": "clip_high",
    "zero_variance": "zero_variance",
    "dropped": "dropped",
    "sampler_gap": "sampler_gap",
    "grad_norm": "grad_norm",
}
"""Our monitors -> the trainer's names for them.

`kl` is measured to the policy with which the training began; `kl_old` to the one that sampled a batch, after all its steps.
`clip_fraction` covers all steps; `clip_low` and `clip_high` cover those that reuse a batch. `diversity` covers all sampled
groups, `zero_variance` the measured ones, and `dropped` those that were left out of the loss.
"""


def train_grpo(
    task: Task,
    start: Path,
    reward: RewardFunction,
    gamma_at: Callable[[float], float],
    config: GrpoConfig,
    seed: int,
    out: Path,
    progress: Progress = silent,
) -> TrainingReport:
    """Train a policy further under `env_weight * r_env + gamma_at(progress) * reward` and write it to `out`.

    Args:
        task: the game.
        start: the policy directory to start from; it is also the reference of the KL term, and stays as it is.
        reward: r_spec: features (..., F) float32 to (...,) float32.
        gamma_at: gamma_r at a training progress in [0, 1], without the warm-up.
        config: the settings.
        seed: decides games, sampling and order.
        out: the policy directory to make; it appears complete or not at all. With checkpoints, a folder beside it keeps them
            until then, and a second call with the same arguments resumes from the last.
        progress: called after each step.

    Returns:
        The report; if it says that an alarm stopped the training, `out` holds the last good weights.

    Raises:
        UsageError: `start` is not a policy of this task, the continuation is not one of its teachers, or a launcher has
            started several processes.
        TrainingError: the reward is not finite.
    """
    alone("train grpo")
    policy = open_policy(start, task=task, trainable=True, device=config.device)
    with Workplace(out, f"{start} {config.model_dump_json()}", seed) as place:
        report = improve(task, policy, reward, gamma_at, config, seed, place.folder, progress, resume=place.last())
        save_policy(policy, out)
        place.done()
    return report


def improve(
    task: Task,
    policy: LanguagePolicy,
    reward: RewardFunction,
    gamma_at: Callable[[float], float],
    config: GrpoConfig,
    seed: int,
    folder: Path,
    progress: Progress = silent,
    *,
    resume: str | None = None,
) -> TrainingReport:
    """Train any language policy in place; see `train_grpo`.

    Args:
        task: the game.
        policy: its model is trained; only weights that require gradients change.
        reward: r_spec.
        gamma_at: gamma_r.
        config: the settings.
        seed: decides games, sampling and order.
        folder: for checkpoints.
        progress: called after each step.
        resume: the checkpoint to resume from.

    Raises:
        UsageError: the continuation is not a teacher of the task.
        TrainingError: the reward is not finite.
    """
    begun = time.perf_counter()
    if (
        config.continuation != "policy" and task.teachers is not None
    ):  # an unknown name is refused now, not only after the first games
        task.teachers.teach(config.continuation, task.engine(np.zeros(1, dtype=np.uint64)))
    sampler: Sampler = player_of(policy)
    rollout = Rollout(task, sampler, reward, gamma_at, config, seed)
    record = Record("grpo", progress, FIGURES | {f"term {name}": f"term {name}" for name in getattr(reward, "terms", {})})
    guard = Guard(config, sampler, Exam(task, reward, config.discount, seed, config.truth_games), record)
    with quiet():
        trainer = build_trainer(policy, rollout, config, seed, folder)
        guard.trainer = trainer
        for callback in (rollout, record, guard):
            trainer.add_callback(callback)
        with suppress(Halt):
            try:
                trainer.train(resume_from_checkpoint=resume)
            except Diverged:
                guard.diverge(trainer.state.global_step)
    guard.leave_good()
    seconds, last = time.perf_counter() - begun, {"gain": _gain(record), "pieces": trainer.pieces, **guard.figures()}
    report = record.report(seconds, least=config.iterations, **last)
    return replace(report, alarms=tuple(guard.alarms), stopped=None if guard.stopped is None else str(guard.stopped))


class Rollout(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """The supply of a training: fresh states, sampled answers and their rewards; it starts afresh at each checkpoint."""

    def __init__(
        self,
        task: Task,
        sampler: Sampler,
        reward: RewardFunction,
        gamma_at: Callable[[float], float],
        config: GrpoConfig,
        seed: int,
    ) -> None:
        """Start the games; the policy in its current state is the reference."""
        self.sampler, self.gamma_at, self.config = sampler, gamma_at, config
        self.futures = Futures(reward, config.horizon, config.discount, config.continuation)
        self.reference = frozen(sampler.policy) if config.beta else None
        self.actors = Actors(
            task, sampler, seed, crews=config.crews, games=config.games, stagger=config.stagger, explore=config.explore
        )
        self.last: Groups | None = None

    def __call__(self, progress: float) -> Batch:
        """Return S groups of G answers; a `trainer.Supply`."""
        config = self.config
        self.sampler.refresh()
        figures = self._drift()
        self.actors.advance(config.moves)
        weights = Weights(config.env_weight, config.share(progress) * self.gamma_at(progress))
        resample = VARIANTS[config.variant].resample
        groups = collect(
            self.actors, self.futures, config.states, config.group, over=config.sampler, weights=weights, resample=resample
        )
        self.last = groups
        figures |= {
            "return_env": float(groups.env.mean()) * config.env_weight,
            "return_spec": float(groups.spec.mean()) * weights.spec,
            "diversity": groups.diversity,
            **{f"term {name}": value for name, value in groups.terms.items()},
        }
        rewards = weights.total(groups.env, groups.spec)
        ids, mask = self.sampler.policy.encode(groups.observations)
        return Batch(ids, mask, groups.tokens, groups.logprobs, self._logprobs(self.reference, groups), rewards, figures)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start afresh, as a training that resumes from this checkpoint will."""
        self._begin(state.global_step)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start afresh if the training resumes from a checkpoint."""
        if state.global_step:
            self._begin(state.global_step)

    def _begin(self, step: int) -> None:
        self.sampler.refresh()
        self.actors.restart(step)
        self.last = None

    def _drift(self) -> dict[str, float]:
        """Return how far the policy has moved since it sampled the last batch; nothing before the second batch."""
        if self.last is None:
            return {}
        after = self._logprobs(self.sampler, self.last)
        assert after is not None
        return {"kl_old": drift(self.last.logprobs, after)}

    def _logprobs(self, sampler: Sampler | None, groups: Groups) -> Any:
        """Return the log-probabilities of groups' answers under a policy: (S, G) float32; None if there is no policy."""
        return None if sampler is None else answer_logprobs(sampler, groups.observations, groups.tokens, self.config.sampler)


def _gain(record: Record) -> float:
    """Return the mean reward of the last quarter of the steps less that of the first."""
    # A step that reuses a batch has no rewards of its own.
    rewards = [row["return_env"] + row["return_spec"] for row in record.rows if "return_env" in row]
    quarter = max(1, len(rewards) // 4)
    return float(np.mean(rewards[-quarter:]) - np.mean(rewards[:quarter])) if rewards else 0.0

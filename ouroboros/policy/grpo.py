"""GRPO of Snake-GPT under `r_env + gamma_r * r_spec`, on TRL's `GRPOTrainer`.

A group is G answers of one token sampled in one state; an answer's reward is the discounted return of its action. The
trainer gets the answers from a rollout function, which samples them with the present weights in states that the present
policy has just reached; advantages, ratio, clip, k3 KL and loss are TRL's. Two departures from its defaults, both exact:

- the rows of the dataset are slots, not prompts: the states that fill them are collected when they are needed;
- an answer's probability depends on its prompt alone, since it has one token, so the forward pass is made once per distinct
  prompt and not once per member of a group.

A fixed number of steps, never a time limit, so that the same seed gives the same weights.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from datasets import Dataset
from pydantic import BaseModel, ConfigDict, Field
from trl import GRPOConfig as TrlConfig
from trl import GRPOTrainer

from ouroboros.policy.encodings import PAD
from ouroboros.policy.local import LocalPolicy
from ouroboros.policy.report import Progress, TrainingReport, silent
from ouroboros.policy.rollout import Actors, Futures, Groups, RewardFunction, collect
from ouroboros.policy.snake_gpt import load, quiet, save
from ouroboros.policy.tokenizer import build_tokenizer
from ouroboros.policy.training import Record, plain_arguments, strip_console

if TYPE_CHECKING:
    from ouroboros.protocols.ports import Task

FIGURES = {
    "kl": "kl",
    "entropy": "entropy",
    "clip_fraction": "clip_ratio/region_mean",
    "zero_variance": "frac_reward_zero_std",
    "grad_norm": "grad_norm",
    "return_env": "rewards/env_return/mean",
    "return_spec": "rewards/spec_return/mean",
}
"""Our monitors -> TRL's names of them."""


class GrpoConfig(BaseModel):
    """Knobs of `train_grpo`; the defaults suit a 6x6 board."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=140, ge=1)
    states: int = Field(default=64, ge=1)
    group: int = Field(default=8, ge=2, le=64)
    iterations: int = Field(default=2, ge=1, le=16)
    learning_rate: float = Field(default=7e-4, gt=0)
    epsilon_low: float = Field(default=0.2, gt=0, lt=1)
    epsilon_high: float = Field(default=0.28, gt=0)
    beta: float = Field(default=0.005, gt=0)
    scale: Literal["group", "batch", "none"] = "none"
    horizon: int = Field(default=16, ge=1, le=256)
    discount: float = Field(default=0.9, gt=0, le=1)
    continuation: str = "greedy"
    crews: int = Field(default=6, ge=1, le=64)
    games: int = Field(default=48, ge=1)
    stagger: int = Field(default=12, ge=0)
    moves: int = Field(default=3, ge=0)
    explore: float = Field(default=0.1, ge=0, le=1)


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
    """Train a policy further under `r_env + gamma_at(progress) * reward` and write it to `out`.

    Args:
        task: the game.
        start: the policy directory to start from; it is also the reference of the KL term, and stays as it is.
        reward: r_spec: features (..., F) float32 to (...,) float32.
        gamma_at: gamma_r at a training progress in [0, 1].
        config: the knobs.
        seed: decides games, sampling and order.
        out: the policy directory to make; it appears whole or not at all.
        progress: told after each step.

    Raises:
        UsageError: `start` is no policy of this task, or the continuation is no teacher of it.
        TrainingError: the loss, a gradient or the reward is not finite.
    """
    begun = time.perf_counter()
    probe = task.engine(np.zeros(1, dtype=np.uint64))
    if config.continuation != "policy":
        task.teach(config.continuation, probe)  # an unknown name is refused now and not after the first games
    policy = load(start, task=task.name, size=int(probe.observations().constants["size"]))
    player = LocalPolicy(policy)
    actors = Actors(task, player, seed, crews=config.crews, games=config.games, stagger=config.stagger, explore=config.explore)
    names = list(task.features)
    columns = (names.index("ate"), names.index("died"), names.index("starved"))
    futures = Futures(reward, columns, config.horizon, config.discount, config.continuation)
    record = Record("grpo", progress, FIGURES)
    with tempfile.TemporaryDirectory() as scratch, quiet():
        trainer = build_trainer(player, Rollout(actors, futures, config), gamma_at, config, seed, Path(scratch))
        trainer.add_callback(record)
        trainer.train()
    save(policy, out)
    return record.report(time.perf_counter() - begun, gain=_gain(record))


class Rollout:
    """TRL's rollout function: fills the slots of a batch with fresh states and sampled answers."""

    def __init__(self, actors: Actors, futures: Futures, config: GrpoConfig) -> None:
        """Take what plays, what measures, and how much of both."""
        self.actors, self.futures, self.config = actors, futures, config

    def __call__(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        """Return prompts, answers and their returns for `len(prompts) / G` groups, the members of a group in a row."""
        self.actors.policy.refresh()
        self.actors.advance(self.config.moves)
        groups = collect(self.actors, self.futures, len(prompts) // self.config.group, self.config.group)
        return answer(groups)


def answer(groups: Groups) -> dict[str, Any]:
    """Return groups in the form that TRL asks of a rollout function."""
    group = groups.tokens.shape[1]
    return {
        "prompt_ids": [prompt.tolist() for prompt in groups.prompts for _ in range(group)],
        "completion_ids": [[token] for token in groups.tokens.ravel().tolist()],
        "logprobs": [[value] for value in groups.logprobs.ravel().tolist()],
        "env": groups.env.ravel().tolist(),
        "spec": groups.spec.ravel().tolist(),
    }


class SharedPromptTrainer(GRPOTrainer):  # type: ignore[misc]  # trl's classes are untyped
    """`GRPOTrainer` for answers of one token: one forward pass per distinct prompt of a batch."""

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **inputs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        """Return the log-probabilities and the entropies of the answers: (B, 1) each."""
        prompts, index = torch.unique(input_ids[:, :-1], dim=0, return_inverse=True)
        logits = model(input_ids=prompts, attention_mask=(prompts != PAD).long(), logits_to_keep=1, use_cache=False).logits[
            :, -1
        ]
        logps = torch.log_softmax(logits / self.temperature, dim=-1)
        entropy = -(logps.exp() * logps).sum(dim=-1, keepdim=True)
        chosen = logps[index].gather(1, input_ids[:, -1:])
        return chosen, entropy.detach()[index] if compute_entropy else None, None


def build_trainer(
    player: LocalPolicy,
    rollout: Callable[..., Any],
    gamma_at: Callable[[float], float],
    config: GrpoConfig,
    seed: int,
    scratch: Path,
) -> GRPOTrainer:
    """Return the trainer of a policy; `rollout` as TRL's `rollout_func`."""

    def env_return(env: list[float], **_: Any) -> list[float]:
        return env

    def spec_return(spec: list[float], trainer_state: Any, **_: Any) -> list[float]:
        gamma = gamma_at(trainer_state.global_step / max(1, trainer_state.max_steps))
        return [gamma * value for value in spec]

    trainer = SharedPromptTrainer(
        model=player.policy.model,
        reward_funcs=[env_return, spec_return],
        args=TrlConfig(
            output_dir=str(scratch),
            max_steps=config.steps,
            per_device_train_batch_size=config.states * config.group,
            num_generations=config.group,
            num_iterations=config.iterations,
            max_completion_length=1,
            temperature=1.0,
            top_p=1.0,
            learning_rate=config.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=min(5, config.steps // 4),
            optim="adamw_torch_fused",
            epsilon=config.epsilon_low,
            epsilon_high=config.epsilon_high,
            beta=config.beta,
            loss_type="grpo",
            scale_rewards=config.scale,
            max_grad_norm=1.0,
            seed=seed % 2**32,
            **plain_arguments(),
        ),
        train_dataset=Dataset.from_dict({"prompt": [f"slot {index}" for index in range(config.states)]}),
        processing_class=build_tokenizer(player.policy.encoding),
        rollout_func=rollout,
    )
    strip_console(trainer)
    return trainer


def _gain(record: Record) -> float:
    """Return how much the mean reward of the last quarter of the steps lies above that of the first."""
    # A step that re-uses a batch has no rewards of its own.
    rewards = [row["return_env"] + row["return_spec"] for row in record.rows if "return_env" in row]
    quarter = max(1, len(rewards) // 4)
    return float(np.mean(rewards[-quarter:]) - np.mean(rewards[:quarter])) if rewards else 0.0

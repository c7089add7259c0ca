"""Stock `GRPOTrainer` and ours on the same ground: one model, the same positions, G and rewards.

An answer's reward is looked up in a table made beforehand, on both sides; so what is compared is sampling and learning, without
games. The stock trainer has its settings as fast as they go here: no recomputed activations, batches that serve as often.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig as TrlConfig
from trl import GRPOTrainer

from ouroloop.envs.loop import Fleet
from ouroloop.policy.bases import player_of
from ouroloop.policy.grpo.config import GrpoConfig
from ouroloop.policy.grpo.rollout import Futures, answer_logits, answer_logprobs, sample
from ouroloop.policy.grpo.sampler import Sampler, frozen
from ouroloop.policy.grpo.trainer import Batch, SharedPromptTrainer, build_trainer
from ouroloop.policy.snake_gpt import SnakeGPT, load
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.policy.training import plain_arguments, strip_console

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Observations

Gradients: TypeAlias = dict[str, torch.Tensor]
WARM = 2
"""Steps that are not timed: the first ones build what later ones use."""
MANY = 1_000_000
"""Steps of a training that a clock ends."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Positions with the worth of every action.

    Args:
        start: the policy directory that both sides begin with.
        positions: P observations.
        texts: their prompts.
        worth: (P, A) float32.
        config: settings of both; answers are drawn from the whole vocabulary, as the stock trainer does.
        seed: of sampling and order.
    """

    start: Path
    positions: Observations
    texts: list[str]
    worth: NDArray[np.float32]
    config: GrpoConfig
    seed: int

    def rewards(self, rows: NDArray[np.int64], tokens: NDArray[np.int64], actions: tuple[int, ...]) -> NDArray[np.float32]:
        """Return what answers (S, G) in positions (S,) are worth: (S, G) float32; no action is worth a death."""
        hit = tokens[:, :, None] == np.array(actions)
        worth = np.take_along_axis(self.worth[rows], hit.argmax(axis=2), axis=1)
        return np.where(hit.any(axis=2), worth, np.float32(-1.0))


def lay_out(task: Task, start: Path, config: GrpoConfig, count: int, seed: int) -> Ground:
    """Return `count` positions spread over the game, each action's worth measured by the config's futures."""
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
        """Take the policy as it is for the reference."""
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


def our_trainer(ground: Ground, folder: Path) -> SharedPromptTrainer:
    """Return our trainer on a ground."""
    policy = load(ground.start)
    config = ground.config.model_copy(update={"steps": MANY})
    return build_trainer(policy, Table(ground, policy), config, ground.seed, folder)


def stock_trainer(ground: Ground, folder: Path, batch: Batch | None = None) -> GRPOTrainer:
    """Return TRL's trainer on a ground; with a batch it learns from that and samples nothing."""
    policy, config = load(ground.start), ground.config
    low, high = config.clip()

    def reward(completion_ids: list[list[int]], row: list[int], **_: Any) -> list[float]:
        tokens = np.array(completion_ids)
        return [float(value) for value in ground.rewards(np.array(row), tokens, policy.actions)[:, 0]]

    def given(worth: list[float], **_: Any) -> list[float]:
        return worth

    trainer = GRPOTrainer(
        model=policy.model,
        reward_funcs=[reward if batch is None else given],
        args=TrlConfig(
            output_dir=str(folder),
            max_steps=MANY,
            per_device_train_batch_size=config.states * config.group,
            num_generations=config.group,
            num_iterations=config.iterations,
            max_completion_length=1,
            temperature=1.0,
            top_p=1.0,
            learning_rate=config.learning_rate,
            lr_scheduler_type="linear",
            optim="adamw_torch_fused",
            epsilon=low,
            epsilon_high=high,
            beta=config.beta,
            loss_type="dr_grpo",
            scale_rewards=config.scaling(),
            max_grad_norm=1.0,
            disable_dropout=True,
            seed=ground.seed % 2**32,
            **{**plain_arguments(), "gradient_checkpointing": False},
        ),
        train_dataset=Dataset.from_dict({"prompt": ground.texts, "row": range(len(ground.texts))}),
        processing_class=build_tokenizer(policy.encoding),
        rollout_func=None if batch is None else lambda prompts, trainer: as_rollout(batch),
    )
    strip_console(trainer)
    return trainer


def as_rollout(batch: Batch) -> dict[str, Any]:
    """Return a batch in the form that TRL asks of a rollout function."""
    group = batch.tokens.shape[1]
    prompts = [ids[mask].tolist() for ids, mask in zip(batch.ids, batch.mask, strict=True)]
    return {
        "prompt_ids": [prompt for prompt in prompts for _ in range(group)],
        "completion_ids": [[token] for token in batch.tokens.ravel().tolist()],
        "logprobs": [[value] for value in batch.logprobs.ravel().tolist()],
        "worth": batch.rewards.ravel().tolist(),
    }


class Clock(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """Times the steps of a training in this thread's processor seconds, and ends it."""

    def __init__(self, seconds: float) -> None:
        """Take the processor seconds to run for, beside the warm-up."""
        self.seconds, self.steps, self.begun = seconds, 0, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count a step."""
        if state.global_step == WARM:
            self.begun = time.process_time()
        self.steps, self.used = state.global_step - WARM, time.process_time() - self.begun
        control.should_training_stop = state.global_step > WARM and self.used >= self.seconds

    used: float = 0.0


def states_per_s(trainer: Any, ground: Ground, seconds: float) -> float:
    """Return the states that a trainer learns from per processor second."""
    clock = Clock(seconds)
    trainer.add_callback(clock)
    trainer.train()
    return clock.steps * ground.config.states / clock.used


def first_gradients(ground: Ground, folder: Path) -> tuple[Gradients, Gradients]:
    """Return the gradients of one batch's first pass, ours and the stock trainer's, in a policy that has left its reference."""
    ours = our_trainer(ground, folder)
    noise = torch.Generator().manual_seed(ground.seed)
    moved = {
        name: weight.detach() + 0.02 * torch.randn(weight.shape, generator=noise)
        for name, weight in ours.model.named_parameters()
    }
    ours.model.load_state_dict(moved, strict=False)
    batch = ours.supply(0.0)
    stock = stock_trainer(ground, folder, batch)
    stock.model.load_state_dict(moved, strict=False)
    return _gradients(ours, ours._cut(batch)[0]), _gradients(stock, stock._generate_and_score_completions(_slots(ground)))


def _slots(ground: Ground) -> list[dict[str, Any]]:
    return [{"prompt": "", "row": 0} for _ in range(ground.config.states * ground.config.group)]


def _gradients(trainer: Any, inputs: dict[str, Any]) -> Gradients:
    """Return the gradients of a batch's loss by name."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, inputs).backward()
    return {name: weight.grad.clone() for name, weight in trainer.model.named_parameters() if weight.grad is not None}

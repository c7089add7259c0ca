"""Stock `GRPOTrainer` and ours on common ground: one model, the same positions, G and rewards.

On both sides, an answer's reward is looked up in a table made beforehand, so the comparison covers sampling and learning but no
games. The stock trainer gets its fastest settings for this case: no recomputed activations, and batches reused as often.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from trl import GRPOConfig as TrlConfig
from trl import GRPOTrainer

from ouroloop.bench.peers.ground import Ground, Table
from ouroloop.policy.grpo.trainer import Batch, SharedPromptTrainer, build_trainer
from ouroloop.policy.snake_gpt import load
from ouroloop.policy.tokenizer import build_tokenizer
from ouroloop.policy.training import plain_arguments, strip_console

MANY = 1_000_000
"""Number of steps for a training that a clock ends."""


def our_trainer(ground: Ground, folder: Path) -> SharedPromptTrainer:
    """Return our trainer on this ground."""
    policy = load(ground.start)
    config = ground.config.model_copy(update={"steps": MANY})
    return build_trainer(policy, Table(ground, policy), config, ground.seed, folder)


def stock_trainer(ground: Ground, folder: Path, batch: Batch | None = None) -> GRPOTrainer:
    """Return TRL's trainer on this ground; given a batch, it learns from that and samples nothing."""
    policy, config = load(ground.start), ground.config
    policy.model.config.name_or_path = str(ground.start)  # TRL loads its reference policy from there
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
    """Return a batch in the form that TRL expects of a rollout function."""
    group = batch.tokens.shape[1]
    prompts = [ids[mask].tolist() for ids, mask in zip(batch.ids, batch.mask, strict=True)]
    return {
        "prompt_ids": [prompt for prompt in prompts for _ in range(group)],
        "completion_ids": [[token] for token in batch.tokens.ravel().tolist()],
        "logprobs": [[value] for value in batch.logprobs.ravel().tolist()],
        "worth": batch.rewards.ravel().tolist(),
    }

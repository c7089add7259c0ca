"""How fast each GRPO trainer is, and whether both begin with the same gradients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import TrainerCallback

from ouroloop.bench.peers.ground import Ground
from ouroloop.bench.peers.trl import our_trainer, stock_trainer

Gradients: TypeAlias = dict[str, torch.Tensor]
WARM = 2
"""Steps that are not timed: the first ones set up what later ones use."""


class Clock(TrainerCallback):  # type: ignore[misc]  # transformers' classes are untyped
    """Times the steps of a training in this thread's processor seconds, and ends the training."""

    def __init__(self, seconds: float) -> None:
        """Keep the processor seconds to run for, in addition to the warm-up."""
        self.seconds, self.steps, self.begun = seconds, 0, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count a step."""
        if state.global_step == WARM:
            self.begun = time.process_time()
        self.steps, self.used = state.global_step - WARM, time.process_time() - self.begun
        control.should_training_stop = state.global_step > WARM and self.used >= self.seconds

    used: float = 0.0


def states_per_s(trainer: Any, ground: Ground, seconds: float) -> float:
    """Return how many states per processor second a trainer learns from."""
    clock = Clock(seconds)
    trainer.add_callback(clock)
    trainer.train()
    return clock.steps * ground.config.states / clock.used


def first_gradients(ground: Ground, folder: Path) -> tuple[Gradients, Gradients]:
    """Return the gradients of one batch's first pass, ours and the stock trainer's; the policy has left its reference."""
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
    return _gradients(ours, ours.cut(batch)[0]), _gradients(stock, stock._generate_and_score_completions(_slots(ground)))


def _slots(ground: Ground) -> list[dict[str, Any]]:
    return [{"prompt": "", "row": 0} for _ in range(ground.config.states * ground.config.group)]


def _gradients(trainer: Any, inputs: dict[str, Any]) -> Gradients:
    """Return the gradients of a batch's loss by name."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, inputs).backward()
    return {name: weight.grad.clone() for name, weight in trainer.model.named_parameters() if weight.grad is not None}

"""The descent: AdamW on losses that are made one step at a time, under a rate that rises briefly and then falls to nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import torch

from ouroloop.protocols.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor, nn

Groups: TypeAlias = "Iterable[nn.Parameter] | Iterable[dict[str, Any]]"
"""Weights, or groups of them with settings of their own, as torch's optimisers take both."""

REPORT_EVERY: Final = 20
"""Steps between two reports of progress."""
RISING: Final = 0.1
"""Share of the steps in which the rate rises."""
DECAY: Final = 0.01
STEEPEST: Final = 1.0
"""Largest norm of a gradient; a longer one is shortened to it."""
LATEST: Final = 0.05
"""Weight of the newest step in the averages that are reported."""


def schedule(optimizer: torch.optim.Optimizer, steps: int, rate: float) -> torch.optim.lr_scheduler.OneCycleLR:
    """Return a one-cycle schedule (Smith and Topin 2019) for any number of steps from 1 on; each group peaks at `rate`.

    The rate rises for a share of `RISING` of the steps, and at least for one: torch divides by the length of the rise. The
    first beta falls and rises in step with it.
    """
    rising = max(RISING, 2 / (steps + 1))
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1, pct_start=rising)


def descend(
    weights: Groups,
    losses: Iterator[Mapping[str, Tensor]],
    steps: int,
    rate: float,
    tell: Callable[[float, dict[str, float]], None],
    *,
    whose: str = "the reader's",
    second_beta: float = 0.999,
    steepest: float | None = STEEPEST,
    after: Callable[[], None] | None = None,
) -> dict[str, float]:
    """Follow the gradient of the sum of the losses; return each loss, averaged over the last steps.

    Args:
        weights: what is learned, or groups of it.
        losses: computes a step's losses by name when asked for the next.
        steps: how many to take.
        rate: peak learning rate.
        tell: called now and then with the share done and the averages.
        whose: the model, for messages.
        second_beta: of AdamW; `schedule` sets the first.
        steepest: largest norm of a gradient; None to leave gradients as they are.
        after: called after each step, for instance to keep a weight within bounds.

    Raises:
        TrainingError: a loss is no longer finite.
    """
    optimiser = torch.optim.AdamW(weights, lr=rate, betas=(0.9, second_beta), weight_decay=DECAY, fused=True)
    learned = [weight for group in optimiser.param_groups for weight in group["params"]]
    scheduled = schedule(optimiser, steps, rate)
    recent: dict[str, float] = {}
    for step, parts in enumerate(islice(losses, steps)):
        optimiser.zero_grad()
        sum(parts.values(), torch.zeros(())).backward()
        if steepest is not None:
            torch.nn.utils.clip_grad_norm_(learned, steepest)
        optimiser.step()
        scheduled.step()
        if after is not None:
            after()
        for name, loss in parts.items():
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TrainingError(f"{whose} {name} is {value} at step {step}: lower `rate` (now {rate})")
            recent[name] = value if step == 0 else recent[name] + LATEST * (value - recent[name])
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            tell((step + 1) / steps, dict(recent))
    return recent

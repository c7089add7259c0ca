"""The descent: AdamW on losses that are made one step at a time, under a rate that rises briefly and then falls to nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

import torch

from ouroloop.protocols.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor, nn

REPORT_EVERY: Final = 20
"""Steps between two reports of progress."""
RISING: Final = 0.1
"""Share of the steps in which the rate rises."""
DECAY: Final = 0.01
STEEPEST: Final = 1.0
"""Largest norm of a gradient; a longer one is shortened to it."""
LATEST: Final = 0.05
"""Weight of the newest step in the averages that are reported."""


def descend(
    weights: Iterable[nn.Parameter],
    losses: Iterator[Mapping[str, Tensor]],
    steps: int,
    rate: float,
    tell: Callable[[float, dict[str, float]], None],
) -> dict[str, float]:
    """Follow the gradient of the sum of the losses; return each loss, averaged over the last steps.

    Args:
        weights: what is learned.
        losses: computes a step's losses by name when asked for the next.
        steps: how many to take.
        rate: peak learning rate.
        tell: called now and then with the share done and the averages.

    Raises:
        TrainingError: a loss is no longer finite.
    """
    learned = list(weights)
    optimiser = torch.optim.AdamW(learned, lr=rate, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=RISING)
    recent: dict[str, float] = {}
    for step, parts in enumerate(islice(losses, steps)):
        optimiser.zero_grad()
        sum(parts.values(), torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(learned, STEEPEST)
        optimiser.step()
        schedule.step()
        for name, loss in parts.items():
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TrainingError(f"the reader's {name} is {value} at step {step}: lower `rate` (now {rate})")
            recent[name] = value if step == 0 else recent[name] + LATEST * (value - recent[name])
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            tell((step + 1) / steps, dict(recent))
    return recent

"""The peak speed of a processor or GPU, and how many operations a training needs."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.snake_gpt import create

if TYPE_CHECKING:
    from ouroloop.policy.sft.config import SftConfig

SIDE = 8192
"""Side of the matrices whose product fills a GPU."""


def gpu_name() -> str | None:
    """Return the name of the GPU, or None if there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def peak_flops(device: str, *, side: int = SIDE, rounds: int = 10) -> float:
    """Return the floating-point operations per second of a bfloat16 matrix product, the median of some.

    Args:
        device: `cpu` or `cuda`.
        side: side of the square random matrices.
        rounds: products timed, after as many warm-ups.
    """
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(2 * rounds):
        _settle(device)
        begun = time.perf_counter()
        a @ b
        _settle(device)
        seconds.append(time.perf_counter() - begun)
    rate: float = 2.0 * side * side * side / statistics.median(seconds[rounds:])
    return rate


def flops_per_token(config: SftConfig, size: int, length: float) -> float:
    """Return the operations that a training step needs per token: 6 N + 12 L D T (Chowdhery et al. 2022, appendix B).

    Args:
        config: the training's.
        size: side of the board.
        length: tokens of a prompt and its answer, T.
    """
    model = create(SnakeTask(size), config.shape, 0, config.encoding).model
    weights: int = sum(weight.numel() for weight in model.parameters())
    return 6.0 * weights + 12.0 * config.shape.layers * config.shape.hidden * length


def _settle(device: str) -> None:
    """Wait until a device has finished its work."""
    if device == "cuda":
        torch.cuda.synchronize()

"""What fewer bits cost a policy and what they save: one policy in several precisions, on the same games and positions.

`HfPolicy` plays all of them, so that only the weights differ. An adapter stays in its own precision on the quantised base
(QLoRA, Dettmers et al. 2023). Snake-GPT's linear layers are quantised like those of any other model; its embedding is not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import torch
from transformers import LlamaForCausalLM

from ouroloop.envs.intervals import score_interval
from ouroloop.policy.bases.directory import open_policy
from ouroloop.policy.bases.loading import fast_dtype, read_model
from ouroloop.policy.bases.origin import Origin
from ouroloop.policy.bases.player import HfPolicy
from ouroloop.policy.play import play
from ouroloop.policy.report import Progress, silent
from ouroloop.policy.settings import Quantisation
from ouroloop.policy.snake_gpt import SnakeGPT
from ouroloop.protocols.seeds import game_seeds
from ouroloop.vetting import vet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Estimate, Observations

Precision: TypeAlias = Literal["fp32", "bf16", "int8", "nf4"]
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "bf16", "int8", "nf4")
BATCH: Final = 64
"""Positions that are decided together: the number of games that `play` plays together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A policy in one precision.

    Args:
        precision: of its weights; those that are not quantised are in bfloat16 if that is fast, else in float32.
        megabytes: size of the weights in memory (10^6 bytes), including scales and adapter.
        score: mean foods eaten, with a 95 % interval.
        decisions_per_s: moves decided per second, including writing and reading prompts, without the games' own time.
        agreement: share of the positions in which it makes the same move as the first row's policy.
        deviation: mean absolute difference of its action logits from the first row's.
    """

    precision: Precision
    megabytes: float
    score: Estimate
    decisions_per_s: float
    agreement: float
    deviation: float


def compare(
    policy_dir: Path,
    task: Task,
    games: int,
    *,
    precisions: Sequence[Precision] = PRECISIONS,
    positions: int = 512,
    seed: int = 0,
    device: str = "cpu",
    base: str = "",
    progress: Progress = silent,
) -> tuple[Row, ...]:
    """Return how well and how fast a policy plays in several precisions, each compared with the first.

    Args:
        policy_dir: of Snake-GPT or a base.
        task: the game.
        games: number played in each precision, the same ones.
        precisions: the precisions, at least one.
        positions: number of positions for comparing moves and taking time.
        seed: of games and positions.
        device: where the models go.
        base: where an adapter's base is, if it has moved.
        progress: called after each precision, with its figures.

    Raises:
        UsageError: see `open_policy`.
        SurroundingsError: the base is not on this machine, or bitsandbytes is not installed.
    """
    seeds = np.array(game_seeds(seed, "watch", 0, games), dtype=np.uint64)
    seen = task.positions(seed, positions).observations()
    rows: list[Row] = []
    wanted: NDArray[np.float32] | None = None
    for precision in precisions:
        policy = in_precision(policy_dir, task, precision, device=device, base=base)
        size = megabytes(policy.model)  # before the first forward pass, in which some kernels rearrange weights
        player = HfPolicy(policy)
        logits, rate = timed(player, seen)
        wanted = logits if wanted is None else wanted
        score = score_interval(play(task, player, seeds, batch=BATCH).score, task.score_bound)
        agreement = float((logits.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        rows.append(Row(precision, size, score, rate, agreement, float(abs(logits - wanted).mean())))
        progress("quantise", len(rows) / len(precisions), {"score": score.mean, "agreement": agreement, "megabytes": size})
    return tuple(rows)


def in_precision(path: Path, task: Task, precision: Precision, *, device: str = "cpu", base: str = "") -> LanguagePolicy:
    """Return a policy directory's policy in a precision, for playing but not for training.

    Raises:
        UsageError: see `open_policy`.
        SurroundingsError: the base is not on this machine, or bitsandbytes is not installed.
    """
    held: Quantisation = "none" if precision in ("fp32", "bf16") else precision  # type: ignore[assignment]
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision) or fast_dtype(device)
    policy = open_policy(path, task=task, quantisation=held, dtype=dtype, device=device, base=base)
    if not isinstance(policy, SnakeGPT):
        return policy
    if held == "none":
        return replace(policy, model=policy.model.to(device=device, dtype=dtype))
    vet(path, str(path))
    return replace(policy, model=read_model(path, Origin(str(path), "", ""), held, dtype, device, LlamaForCausalLM).eval())


def megabytes(model: Any) -> float:
    """Return the size of a model's weights in memory, in 10^6 bytes; shared weights count once."""
    tensors = [part for part in model.state_dict().values() if isinstance(part, torch.Tensor)]
    sizes: dict[int, int] = {part.data_ptr(): part.numel() * part.element_size() for part in tensors}
    return sum(sizes.values()) / 1e6


def timed(player: HfPolicy, seen: Observations) -> tuple[NDArray[np.float32], float]:
    """Return a player's logits in some positions, and how many positions it decides per second."""
    parts = [seen.take(np.arange(start, min(start + BATCH, len(seen)))) for start in range(0, len(seen), BATCH)]
    player.logits(parts[0])
    begun = time.perf_counter()
    logits = np.concatenate([player.logits(part) for part in parts])
    return logits, len(seen) / (time.perf_counter() - begun)

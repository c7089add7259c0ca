"""Decisions per second of several players, measured in turn, and their ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ouroloop.bench.timing import Report, significant

BATCHES: Final = (1, 16, 64, 256)
ROUNDS: Final = 5

Work = Callable[[int, float], tuple[int, float, float]]
"""Maps batch size and seconds to decisions made, wall time and processor time."""


@dataclass(slots=True)
class Speed:
    """Decisions per second of one player with one batch size, one entry per round."""

    per_cpu_s: list[float] = field(default_factory=list)
    per_wall_s: list[float] = field(default_factory=list)

    def add(self, decisions: int, wall_s: float, cpu_s: float) -> None:
        """Add a round."""
        self.per_cpu_s.append(decisions / cpu_s)
        self.per_wall_s.append(decisions / wall_s)

    @property
    def cpu(self) -> float:
        """Median by processor time."""
        return statistics.median(self.per_cpu_s)

    @property
    def wall(self) -> float:
        """Median by wall time."""
        return statistics.median(self.per_wall_s)


Speeds = dict[str, dict[int, Speed]]
"""Speeds by player and batch size."""


def interleaved(work: Mapping[str, Work], seconds: float, report: Report) -> Speeds:
    """Let every player decide in batches of every size for this many seconds each, `ROUNDS` times after a warm-up."""
    speeds: Speeds = {name: {batch: Speed() for batch in BATCHES} for name in work}
    for turn in range(ROUNDS + 1):
        report("serving: warm-up" if turn == 0 else f"serving: round {turn} of {ROUNDS}", turn / (ROUNDS + 1))
        for batch in BATCHES:
            for name, player in work.items():
                found = player(batch, seconds if turn else 0.0)
                if turn:
                    speeds[name][batch].add(*found)
    return speeds


def speedups(speeds: Speeds) -> dict[str, Any]:
    """Return how much faster ours is in float32 than the others at their best; None for vLLM if it is not installed."""

    def best(player: str, rate: Callable[[Speed], float]) -> float:
        return max(rate(speed) for name in speeds if name.startswith(player) for speed in speeds[name].values())

    def faster(player: str) -> dict[str, float]:
        rates: dict[str, Callable[[Speed], float]] = {"cpu": lambda speed: speed.cpu, "wall": lambda speed: speed.wall}
        return {kind: significant(best("ours float32", rate) / best(player, rate), 3) for kind, rate in rates.items()}

    vllm = faster("vllm") if any(name.startswith("vllm") for name in speeds) else None
    return {
        "speedup_over_vllm": min(vllm.values()) if vllm else None,
        "speedup_over_vllm_by": vllm,
        "speedup_over_transformers": min(faster("transformers").values()),
    }


def table(speeds: Speeds, rate: Callable[[Speed], float]) -> list[dict[str, Any]]:
    """Return a row for each batch size, with the players' rates."""
    return [{"batch": batch, **{name: significant(rate(of[batch]), 3) for name, of in speeds.items()}} for batch in BATCHES]

"""What one decision by the small Gemma costs: latency and peak memory, in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.timing import significant, single_ms
from ouroloop.inspect.ablation.instruments import peak_memory_mb

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Task

DECISIONS: Final = 100


def costs(folder: Path, task: Task, policy: str, decisions: int = DECISIONS) -> dict[str, Any]:
    """Return the milliseconds of a decision, by player, and the peak memory of the process that decides.

    Args:
        folder: what `train_gemma` wrote for this task.
        task: the game.
        policy: name of the policy that plays what is read.
        decisions: timed ones, each of one position.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_costs, folder, task, policy, decisions).result()


def _costs(folder: Path, task: Task, policy: str, decisions: int) -> dict[str, Any]:
    from ouroloop.perception.camera import Camera
    from ouroloop.perception.config import CameraConfig
    from ouroloop.perception.gemma.eyes import GemmaPlayer, GemmaReader
    from ouroloop.perception.gemma.loading import load_gemma
    from ouroloop.policy.named import load_policy

    gemma, camera, player = load_gemma(folder), Camera(task, CameraConfig()), load_policy(policy)
    seen = task.positions(1, decisions).observations()
    alone = GemmaPlayer(gemma, task, camera)

    def through(eye: GemmaReader) -> Callable[[int], object]:
        def decide(row: int) -> object:
            one = seen.take([row])
            return player.logits(eye.read(camera.look(one)).into(one))

        return decide

    found = {
        "gemma plays": spread(single_ms(lambda row: alone.logits(seen.take([row])), decisions)),
        "gemma reads and the policy plays": spread(single_ms(through(GemmaReader(gemma, task)), decisions)),
        "the same, token by token": spread(single_ms(through(GemmaReader(gemma, task, way="forced")), -(-decisions // 5))),
    }
    return {"ms": found, "peak_mb": significant(peak_memory_mb())}


def spread(ms: NDArray[np.float64]) -> dict[str, float]:
    """Return the median and the 95th percentile of times."""
    p50, p95 = np.percentile(ms, [50, 95])
    return {"p50": significant(float(p50), 3), "p95": significant(float(p95), 3)}

"""What one decision by the small Gemma costs: latency and peak memory, in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.timing import significant

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.protocols.ports import Task

DECISIONS: Final = 100
WARM: Final = 5


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
    seen = task.positions(1, decisions + WARM).observations()
    alone = GemmaPlayer(gemma, task, camera)

    def through(eye: GemmaReader) -> Callable[[int], object]:
        def decide(row: int) -> object:
            one = seen.take([row])
            return player.logits(eye.read(camera.look(one)).into(one))

        return decide

    found = {
        "gemma plays": timed(lambda row: alone.logits(seen.take([row])), decisions),
        "gemma reads and the policy plays": timed(through(GemmaReader(gemma, task)), decisions),
        "the same, token by token": timed(through(GemmaReader(gemma, task, way="forced")), -(-decisions // 5)),
    }
    return {"ms": found, "peak_mb": peak_mb()}


def timed(decide: Callable[[int], object], decisions: int) -> dict[str, float]:
    """Return the median and the 95th percentile of a decision's time, in milliseconds; `decide` takes its number."""
    seconds = []
    for number in range(decisions + WARM):
        begun = time.perf_counter()
        decide(number)
        seconds.append(time.perf_counter() - begun)
    p50, p95 = np.percentile(np.array(seconds[WARM:]) * 1000, [50, 95])
    return {"p50": significant(float(p50), 3), "p95": significant(float(p95), 3)}


def peak_mb() -> float:
    """Return the most memory that this process has held, in 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)

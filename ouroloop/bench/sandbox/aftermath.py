"""What hostile controllers cost the next session: the pool after many of them in a row, its memory and its answers."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from ouroloop.bench.sandbox.hostile import FEW, HOSTILE, caught_s
from ouroloop.bench.timing import significant
from ouroloop.sandbox.probes import GREEDY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sandbox
    from ouroloop.protocols.records import Observations

IN_A_ROW: Final = 20
HEALTHY: Final = 9
"""Healthy sessions timed before and after."""


def aftermath(
    box: Sandbox, observations: Observations, logits: NDArray[np.float32], settle: Callable[[], object]
) -> dict[str, float]:
    """Return a healthy session's milliseconds, from `open` to its first answer, before and after 20 hostile ones in a row.

    Also return how much the host's own memory grew, in MB. The first healthy session follows directly on the last hostile one.
    """
    few, few_logits = observations.take(slice(0, FEW)), logits[:FEW]

    def healthy_ms() -> float:
        start = perf_counter()
        session = box.open(GREEDY)
        session.act(observations, logits)
        took = 1e3 * (perf_counter() - start)
        session.close()
        return took

    def usual() -> list[float]:
        took = []
        for _ in range(HEALTHY):
            settle()
            took.append(healthy_ms())
        return took

    usual()
    before, memory = usual(), resident_mb()
    sources = list(HOSTILE.values())
    for index in range(IN_A_ROW):
        caught_s(box.open(sources[index % len(sources)]), few, few_logits, 0.0)
    first = healthy_ms()
    after = usual()
    gc.collect()
    return {
        "healthy_before_ms": significant(statistics.median(before)),
        "healthy_at_once_ms": significant(first),
        "healthy_after_ms": significant(statistics.median(after)),
        "host_memory_growth_mb": significant(resident_mb() - memory),
    }


def resident_mb() -> float:
    """Return this process's resident memory in MB; 0 if the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0

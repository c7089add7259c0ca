"""The hostile half of `ouroloop bench sandbox`: when they are gone, and what they cost the next one."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final

from ouroloop.bench.timing import significant
from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.breakout import HELD, broken_out
from ouroloop.sandbox.conformance import FAULTS, GREEDY, layer_of
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.session import WorkerSession
from ouroloop.sandbox.wasm.sandbox import SLOWDOWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sandbox
    from ouroloop.protocols.records import Observations

HOSTILE: Final = {
    "hung": "def act(observation, logits):\n    while True:\n        pass\n",
    "hung in C": "def act(observation, logits):\n    return (7 ** (10 ** 9)) % 4\n",
    "memory": "def act(observation, logits):\n    a = []\n    while True:\n        a.append([0] * 100000)\n",
    "forking": broken_out(HELD["fork bomb"]),
    "flooding": broken_out(HELD["flood"]),
}
FEW: Final = 16
"""Positions that a hostile controller is asked about."""
IN_A_ROW: Final = 20
HEALTHY: Final = 9
"""Healthy sessions timed before and after."""


def deadlines(
    box: Sandbox, observations: Observations, logits: NDArray[np.float32], settle: Callable[[], object]
) -> dict[str, dict[str, float]]:
    """Return for each kind, in seconds: what it was granted, its deadline, when it was found out, when its worker was gone.

    Args:
        box: where they run.
        observations: at least `FEW` rows.
        logits: (B, 4) float32.
        settle: waits until nothing of an earlier session is at work.
    """
    few = observations.take(slice(0, FEW))
    limits, slowdown = Limits(), SLOWDOWN if box.name == "wasm" else 1.0
    granted = limits.budget_s(FEW, sum(column[:1].size for column in few.columns.values()))
    found = {}
    for kind, source in HOSTILE.items():
        settle()
        session = box.open(source)
        start = perf_counter()
        told = caught_s(session, few, logits[:FEW], start)
        while isinstance(session, WorkerSession) and not session.gone():
            sleep(0.001)
        found[kind] = {
            "granted_s": significant(granted),
            "deadline_s": significant(limits.deadline_s(granted, slowdown)),
            "found_s": significant(told),
            "gone_s": significant(perf_counter() - start),
        }
    return found


def caught_s(session: Any, observations: Observations, logits: NDArray[np.float32], start: float) -> float:
    """Return the seconds since `start` after which a controller was found out; infinity where it answered."""
    try:
        session.act(observations, logits)
    except CandidateFault:
        return perf_counter() - start
    return float("inf")


def aftermath(
    box: Sandbox, observations: Observations, logits: NDArray[np.float32], settle: Callable[[], object]
) -> dict[str, float]:
    """Return a healthy session's milliseconds, from `open` to its first answer, before and after 20 hostile ones in a row.

    Also how much the host's own memory grew over them, in MB. The first healthy one comes at once after the last hostile one.
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
    """Return this process's resident memory in MB; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0


def verdicts(boxes: dict[str, Sandbox]) -> dict[str, Any]:
    """Return how many controllers, faulty and healthy, every sandbox judges at the same layer, and those that differ."""
    cases = {name: f"def act(observation, logits):\n    {body}\n" for name, (body, _) in FAULTS.items()} | {"healthy": GREEDY}
    layers = {case: {name: layer_of(box, source) for name, box in boxes.items()} for case, source in cases.items()}
    differ = {case: found for case, found in layers.items() if len(set(found.values())) > 1}
    return {"cases": len(cases), "equal": len(cases) - len(differ), "differ": differ}

"""The hostile half of `ouroloop bench sandbox`: how soon each hostile controller is detected and gone."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final

from ouroloop.bench.timing import significant
from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.breakout import HELD, broken_out
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.probes import FAULTS, GREEDY, layer_of
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
"""Number of positions that a hostile controller gets."""


def deadlines(
    box: Sandbox, observations: Observations, logits: NDArray[np.float32], settle: Callable[[], object]
) -> dict[str, dict[str, float]]:
    """Return, for each kind, in seconds: time granted, deadline, time until detected, and time until its worker was gone.

    Args:
        box: the sandbox.
        observations: at least `FEW` rows.
        logits: (B, 4) float32.
        settle: waits until nothing of an earlier session is running.
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
    """Return the seconds from `start` until a controller was detected; infinity if it answered."""
    try:
        session.act(observations, logits)
    except CandidateFault:
        return perf_counter() - start
    return float("inf")


def verdicts(boxes: dict[str, Sandbox]) -> dict[str, Any]:
    """Return how many controllers, faulty and healthy, all sandboxes judge at the same layer, and those that differ."""
    cases = {name: f"def act(observation, logits):\n    {body}\n" for name, (body, _) in FAULTS.items()} | {"healthy": GREEDY}
    layers = {case: {name: layer_of(box, source) for name, box in boxes.items()} for case, source in cases.items()}
    differ = {case: found for case, found in layers.items() if len(set(found.values())) > 1}
    return {"cases": len(cases), "equal": len(cases) - len(differ), "differ": differ}

"""The material of the sandboxes' conformance suite: positions, controllers that fail, and the layer that must catch each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.ports import Sandbox, Session
from ouroloop.protocols.records import Observations

GREEDY = "def act(observation, logits):\n    return logits.index(max(logits))\n"
HANG_S = 20.0
"""Wall-clock time within which any hung controller must be gone, even on a busy machine."""

FAULTS: dict[str, tuple[str, str]] = {
    "infinite loop": ("while True:\n        pass", "sandbox"),
    "loop in C": ("return (7 ** (10 ** 9)) % 4", "sandbox"),
    "slow": ("return sum(range(10 ** 7)) % 4", "sandbox"),
    "memory in lists": ("a = []\n    while True:\n        a.append([0] * 100000)", "sandbox"),
    "memory in text": ('x = "a"\n    while True:\n        x = x + x', "sandbox"),
    "endless recursion": ("return act(observation, logits)", "sandbox"),
    "exception": ('return observation["nothing"]', "sandbox"),
    "print": ('print("x" * 10 ** 9)\n    return 0', "sandbox"),
    "import": ("import os\n    return 0", "sandbox"),
    "introspection": ('return ().__class__.__base__.__subclasses__()[0].__init__.__globals__["x"]', "sandbox"),
    "out of range": ("return 7", "protocol"),
    "negative": ("return -1", "protocol"),
    "huge int": ("return 10 ** 5000", "protocol"),
    "bool": ("return True", "protocol"),
    "float": ("return 1.0", "protocol"),
    "text": ('return "0"', "protocol"),
    "none": ("return None", "protocol"),
    "huge text": ('return "x" * (1 << 24)', "protocol"),
    "deep list": ("x = 0\n    for _ in range(900):\n        x = [x]\n    return x", "protocol"),
}
"""Name -> body of `act`, and the layer that must catch it."""


def bank(rows: int, size: int = 10, seed: int = 0) -> tuple[Observations, NDArray[np.float32]]:
    """Return observations of the usual form, filled at random, and logits (rows, 4)."""
    rng = np.random.default_rng(seed)
    cells = size * size
    columns: dict[str, NDArray[np.generic]] = {
        "board": rng.integers(0, 5, (rows, cells)).astype(np.int8),
        "snake": rng.integers(0, cells, (rows, cells)).astype(np.int16),
        "food": rng.integers(0, cells, rows).astype(np.int32),
        "idle": rng.integers(0, cells, rows).astype(np.int32),
    }
    observations = Observations({"size": size}, columns, {"snake": rng.integers(1, cells, rows).astype(np.int32)})
    return observations, rng.normal(size=(rows, 4)).astype(np.float32)


def act(body: str) -> str:
    """Return a controller with this body."""
    return f"def act(observation, logits):\n    {body}\n"


def layer_of(sandbox: Sandbox, source: str) -> str:
    """Return the layer at which an unscreened controller fails on a few positions; "answered" if it does not fail."""
    try:
        session = sandbox.open(source)
    except CandidateFault as fault:
        return fault.layer
    try:
        session.act(*bank(16))
    except CandidateFault as fault:
        return fault.layer
    finally:
        session.close()
    return "answered"


def faults(sandbox: Sandbox, source: str, layer: str) -> str:
    """Run a faulty controller, check its layer and that its session is dead, and return the reason."""
    session = None
    fault = None
    try:
        session = sandbox.open(source)
        session.act(*bank(16))
    except CandidateFault as found:
        fault = found
    if session is not None:
        dead(session)
        session.close()
    assert fault is not None, f"no fault found in {source!r}"
    assert fault.layer == layer, (source, str(fault))
    return fault.reason


def dead(session: Session) -> None:
    """Check that a session no longer answers."""
    try:
        session.act(*bank(1))
    except CandidateFault:
        return
    raise AssertionError("a dead session answered")

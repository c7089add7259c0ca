"""The work of `ouroloop screen`: run one patch, by hand, through every layer before the gate."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.protocols.errors import CandidateFault, UsageError

POSITIONS = 128
READ_CAP = 1 << 20
"""The most bytes to read from a file, which is more than any answer that the screen takes."""


def screen_file(file: Path, against: Path | None, sandbox_name: Any) -> dict[str, Any]:
    """Return `{"outcome", "layer", "reason", "sandbox", "ms"}` for a file.

    Raises:
        UsageError: a file cannot be read.
        SurroundingsError: the requested sandbox is missing.
    """
    from ouroloop.sandbox.choose import choose
    from ouroloop.sandbox.contract import check_contract
    from ouroloop.sandbox.screen.static import static_screen

    task = make_task(TaskSettings())
    text = _read(file).decode("utf-8", errors="surrogateescape")
    base = _read(against).decode("utf-8", errors="replace") if against else task.start_controller
    sandbox = choose(sandbox_name, task.toolkit_source, len(task.actions))
    ms: dict[str, float] = {}
    verdict: dict[str, Any] = {"outcome": "passed", "layer": "contract", "reason": "passed every layer"}
    start = time.perf_counter()
    try:
        screened = static_screen(text, base)
        ms |= screened.ms
        start = time.perf_counter()
        positions = task.positions(0, POSITIONS).observations()
        logits = np.random.default_rng(0).normal(size=(POSITIONS, len(task.actions))).astype(np.float32)
        check_contract(sandbox, screened.source, positions, logits)
        ms["contract"] = 1000 * (time.perf_counter() - start)
    except CandidateFault as fault:
        ms[fault.layer] = 1000 * (time.perf_counter() - start)
        verdict = {"outcome": "rejected", "layer": fault.layer, "reason": fault.reason}
    finally:
        sandbox.close()
    return {**verdict, "sandbox": sandbox.name, "ms": {k: round(v, 3) for k, v in ms.items()}}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(READ_CAP)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; give a controller, a diff or a model's reply") from None

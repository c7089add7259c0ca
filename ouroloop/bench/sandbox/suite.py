"""`ouroloop bench sandbox`: what the walls cost, how fast hostile controllers are stopped, whether both sandboxes agree.

Native is the same worker in an ordinary child process, without any walls. `act` alone is the controller called in a loop on
prepared rows. Times are wall clock, medians.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.sandbox.aftermath import aftermath
from ouroloop.bench.sandbox.batches import ROWS, batches
from ouroloop.bench.sandbox.controllers import FLOOD
from ouroloop.bench.sandbox.hostile import deadlines, verdicts
from ouroloop.bench.sandbox.starts import await_pool, median_ms, starts
from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake.task import SnakeTask, toolkit_source
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.choose import choose
from ouroloop.sandbox.screen.static import static_screen

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Sandbox

SIZE: Final = 10


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document.

    Args:
        peers: not used; the sandboxes are compared with the native interpreter.
        count: interleaved rounds of batches.
        seconds: for each case in each round.
        report: called with the progress.
    """
    task = SnakeTask(size=SIZE)
    observations = task.positions(0, ROWS).observations()
    logits = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    report("static screen", 0.0)
    found: dict[str, Any] = {"size": SIZE, "rows": ROWS, "screen": screening()}
    boxes = installed()
    try:
        for index, (name, box) in enumerate(boxes.items()):
            report(f"{name}: starts", (1 + index) / 10)
            found[name] = starts(box)
        report("batches", 0.3)
        batches(boxes, observations, logits, count, seconds, found)
        for index, (name, box) in enumerate(boxes.items()):
            report(f"{name}: hostile controllers", (4 + 2 * index) / 10)
            found[name]["hostile"] = deadlines(box, observations, logits, partial(await_pool, box))
            found[name]["aftermath"] = aftermath(box, observations, logits, partial(await_pool, box))
        report("verdicts", 0.9)
        found["verdicts"] = verdicts(boxes)
    finally:
        for box in boxes.values():
            box.close()
    return found | {"machine": machine()}


def installed() -> dict[str, Sandbox]:
    """Return the available sandboxes."""
    boxes: dict[str, Sandbox] = {}
    for name in ("docker", "wasm"):
        try:
            boxes[name] = choose(name, toolkit_source(), 4)
        except SurroundingsError:
            continue
    if not boxes:
        raise SurroundingsError("there is no sandbox to measure; `ouroloop doctor` says what is missing")
    return boxes


def screening() -> dict[str, Any]:
    """Return the milliseconds that the static screen spends on a controller of 200 lines, by layer."""
    helper = "def helper_{0}(board, size):\n    total = 0\n    for cell in board:\n        if cell == {0}:\n"
    helper += "            total += size\n    return total\n\n\n"
    source = "".join(helper.format(i) for i in range(25)) + FLOOD.replace("count % 4", "helper_3(board, count) % 4")
    base = source.replace("helper_3", "helper_2")
    total = median_ms(lambda: static_screen(source, base), 15)
    layers = {layer: significant(ms) for layer, ms in static_screen(source, base).ms.items()}
    return {"lines": source.count("\n"), "total_ms": total, "ms": layers}

"""`ouroloop bench sandbox`: what the walls cost, how fast the hostile are gone, and whether both sandboxes judge alike.

Native is the very worker in an ordinary child process, without any wall; `act` alone is the controller called in a loop on rows
that are ready. Wall clock, medians.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from ouroloop.bench.sandbox.aftermath import aftermath
from ouroloop.bench.sandbox.batches import ROWS, batches
from ouroloop.bench.sandbox.controllers import FLOOD, TRIVIAL
from ouroloop.bench.sandbox.hostile import deadlines, verdicts
from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake.task import SnakeTask, toolkit_source
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.choose import choose
from ouroloop.sandbox.docker.sandbox import DockerSandbox
from ouroloop.sandbox.screen.static import static_screen
from ouroloop.sandbox.wasm.sandbox import WasmSandbox

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Sandbox, Session

SIZE: Final = 10
STARTS: Final = 12
"""Sessions opened to time it."""
REMOVAL_S: Final = 0.4
"""After so long the daemon has removed a container, so that it does not disturb what is timed next."""


def measure(peers: Path, count: int, seconds: float, report: Report) -> dict[str, Any]:
    """Return the document.

    Args:
        peers: not used; the sandboxes are compared with the native interpreter.
        count: interleaved rounds of batches.
        seconds: of each case in each round.
        report: hears of the progress.
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
    """Return the sandboxes that there are."""
    boxes: dict[str, Sandbox] = {}
    for name in ("docker", "wasm"):
        try:
            boxes[name] = choose(name, toolkit_source())
        except SurroundingsError:
            continue
    if not boxes:
        raise SurroundingsError("there is no sandbox to measure; `ouroloop doctor` tells what is missing")
    return boxes


def median_ms(work: Callable[[], object], count: int, before: Callable[[], object] = lambda: None) -> float:
    """Return the median milliseconds of some calls, one more made first."""
    took = []
    for _ in range(count + 1):
        before()
        start = perf_counter()
        work()
        took.append(1e3 * (perf_counter() - start))
    return significant(statistics.median(took[1:]))


def screening() -> dict[str, Any]:
    """Return the milliseconds of the static screen on a controller of 200 lines, by layer."""
    helper = "def helper_{0}(board, size):\n    total = 0\n    for cell in board:\n        if cell == {0}:\n"
    helper += "            total += size\n    return total\n\n\n"
    source = "".join(helper.format(i) for i in range(25)) + FLOOD.replace("count % 4", "helper_3(board, count) % 4")
    base = source.replace("helper_3", "helper_2")
    total = median_ms(lambda: static_screen(source, base), 15)
    layers = {layer: significant(ms) for layer, ms in static_screen(source, base).ms.items()}
    return {"lines": source.count("\n"), "total_ms": total, "ms": layers}


def starts(box: Sandbox) -> dict[str, Any]:
    """Return how long it takes until a controller is loaded: from nothing, and from the pool."""
    sessions: list[Session] = []

    def open_one() -> None:
        sessions.append(box.open(TRIVIAL))

    def settle() -> None:
        while sessions:
            sessions.pop().close()
        await_pool(box)

    found = {"warm_ms": median_ms(open_one, STARTS, settle)}
    cold = (DockerSandbox if isinstance(box, DockerSandbox) else WasmSandbox)(toolkit_source(), warm=0)
    try:
        found["cold_ms"] = median_ms(lambda: sessions.append(cold.open(TRIVIAL)), STARTS // 2, settle)
    finally:
        cold.close()
    settle()
    return found


def await_pool(box: Sandbox) -> None:
    """Wait until a pool is full again, and what was removed is gone."""
    cast("DockerSandbox | WasmSandbox", box).await_warm()
    if isinstance(box, DockerSandbox):
        sleep(REMOVAL_S)

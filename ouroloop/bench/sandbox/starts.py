"""How long a session takes to start, from a pool and without one."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final, cast

from ouroloop.bench.sandbox.controllers import TRIVIAL
from ouroloop.bench.timing import significant
from ouroloop.envs.snake.task import toolkit_source
from ouroloop.sandbox.docker.sandbox import DockerSandbox
from ouroloop.sandbox.wasm.sandbox import WasmSandbox

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Sandbox, Session
STARTS: Final = 12
"""Number of sessions opened for a timing."""
REMOVAL_S: Final = 0.4
"""After this long the daemon has removed a container, so that removing it does not disturb the next measurement."""


def median_ms(work: Callable[[], object], count: int, before: Callable[[], object] = lambda: None) -> float:
    """Return the median milliseconds of some calls, after one untimed call."""
    took = []
    for _ in range(count + 1):
        before()
        start = perf_counter()
        work()
        took.append(1e3 * (perf_counter() - start))
    return significant(statistics.median(took[1:]))


def starts(box: Sandbox) -> dict[str, Any]:
    """Return how long loading a controller takes: from nothing, and from the pool."""
    sessions: list[Session] = []

    def open_one() -> None:
        sessions.append(box.open(TRIVIAL))

    def settle() -> None:
        while sessions:
            sessions.pop().close()
        await_pool(box)

    found = {"warm_ms": median_ms(open_one, STARTS, settle)}
    cold = (DockerSandbox if isinstance(box, DockerSandbox) else WasmSandbox)(toolkit_source(), 4, warm=0)
    try:
        found["cold_ms"] = median_ms(lambda: sessions.append(cold.open(TRIVIAL)), STARTS // 2, settle)
    finally:
        cold.close()
    settle()
    return found


def await_pool(box: Sandbox) -> None:
    """Wait until a pool is full again and its used workers have been removed."""
    cast("DockerSandbox | WasmSandbox", box).await_warm()
    if isinstance(box, DockerSandbox):
        sleep(REMOVAL_S)

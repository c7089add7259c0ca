"""`ouroloop bench sandbox`: what the walls cost, how fast the hostile are gone, and whether both sandboxes judge alike.

Native is the very worker in an ordinary child process, without any wall; `act` alone is the controller called in a loop on rows
that are ready. Wall clock, medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from ouroloop.bench.sandbox.hostile import aftermath, deadlines, verdicts
from ouroloop.bench.timing import Report, machine, significant
from ouroloop.envs.snake import toolkit
from ouroloop.envs.snake.task import SnakeTask, toolkit_source
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.choose import choose
from ouroloop.sandbox.conformance import GREEDY
from ouroloop.sandbox.docker.sandbox import DockerSandbox
from ouroloop.sandbox.guest import shipped
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.link import ProcessLink, await_ready
from ouroloop.sandbox.screen.static import static_screen
from ouroloop.sandbox.session import WorkerSession
from ouroloop.sandbox.wasm.sandbox import WasmSandbox

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sandbox, Session
    from ouroloop.protocols.records import Observations

SIZE: Final = 10
ROWS: Final = 256
STARTS: Final = 12
"""Sessions opened to time it."""
REMOVAL_S: Final = 0.4
"""After so long the daemon has removed a container, so that it does not disturb what is timed next."""
TRIVIAL: Final = "def act(observation, logits):\n    return 0\n"
FLOOD: Final = """\
def act(observation, logits):
    size, board = observation["size"], observation["board"]
    head = observation["snake"][0]
    seen = [False] * (size * size)
    seen[head] = True
    stack, count = [head], 0
    while stack:
        cell = stack.pop()
        count += 1
        row, column = divmod(cell, size)
        for other, inside in (
            (cell - size, row > 0), (cell + size, row < size - 1), (cell - 1, column > 0), (cell + 1, column < size - 1)
        ):
            if inside and not seen[other] and board[other] in (0, 3):
                seen[other] = True
                stack.append(other)
    return count % 4
"""
TOOLKIT: Final = """\
from toolkit import food_distance, legal_moves


def act(observation, logits):
    return min(legal_moves(observation) or [0], key=lambda move: food_distance(observation, move))
"""
CONTROLLERS: Final = {"argmax": GREEDY, "flood fill": FLOOD, "toolkit": TOOLKIT}


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
            boxes[name] = choose(name, toolkit_source(), 4)
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
    cold = (DockerSandbox if isinstance(box, DockerSandbox) else WasmSandbox)(toolkit_source(), 4, warm=0)
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


@contextmanager
def native() -> Iterator[Callable[[str], Session]]:
    """Give a function that opens a controller in the worker without walls."""
    with tempfile.TemporaryDirectory() as folder:
        for name, source in (shipped.sources() | {"toolkit": toolkit_source()}).items():
            Path(folder, f"{name}.py").write_text(source, encoding="utf-8")
        program = f"import sys; sys.path.insert(0, {folder!r}); import worker; worker.serve(lambda: None)"

        def open_one(source: str) -> Session:
            link = ProcessLink([sys.executable, "-I", "-S", "-B", "-c", program])
            await_ready(link, Limits().start_s, "native")
            return WorkerSession(link, source, 4, Limits())

        yield open_one


def batches(
    boxes: dict[str, Sandbox],
    observations: Observations,
    logits: NDArray[np.float32],
    count: int,
    seconds: float,
    found: dict[str, Any],
) -> None:
    """Add actions per second and the round trip without `act` to the document, all cases in turn in each round."""
    rows = [observations.row(i) for i in range(len(observations))]
    times: dict[str, dict[str, list[float]]] = {}
    with native() as open_native:
        openers: dict[str, Callable[[str], Session]] = {"native": open_native}
        openers |= {name: box.open for name, box in boxes.items()}
        for label, source in {"round trip": TRIVIAL, **CONTROLLERS}.items():
            sessions = {name: opener(source) for name, opener in openers.items()}
            cases: dict[str, Callable[[], object]] = {"act alone": loop(source, rows, logits.tolist())}
            for name, session in sessions.items():
                cases[name] = partial(session.act, observations, logits)
            times[label] = interleaved(cases, count, seconds)
            for session in sessions.values():
                session.close()
    for name in ("native", *boxes):
        part = found.setdefault(name, {})
        part["round_trip_ms"] = significant(1e3 * statistics.median(times["round trip"][name]))
        part["actions_per_s"] = {c: significant(ROWS / statistics.median(times[c][name])) for c in CONTROLLERS}
        if name != "native":
            for against in ("native", "act alone"):
                part[f"speed_over_{against.replace(' ', '_')}"] = {c: ratio(times[c], against, name) for c in CONTROLLERS}
    alone = {c: significant(ROWS / statistics.median(times[c]["act alone"])) for c in CONTROLLERS}
    found["act_alone"] = {"actions_per_s": alone}


def ratio(times: dict[str, list[float]], over: str, name: str) -> float:
    """Return how much of one case's speed another reaches."""
    return significant(statistics.median(times[over]) / statistics.median(times[name]))


def loop(source: str, rows: list[dict[str, Any]], logits: list[list[float]]) -> Callable[[], object]:
    """Return work that calls a controller in this process."""
    module = types.ModuleType("controller")
    shadowed = sys.modules.get("toolkit")
    sys.modules["toolkit"] = toolkit
    try:
        exec(source, vars(module))  # noqa: S102 (a constant of this module)
    finally:
        if shadowed is None:
            del sys.modules["toolkit"]
        else:
            sys.modules["toolkit"] = shadowed
    act = module.act

    def work() -> None:
        for row, line in zip(rows, logits, strict=True):
            act(row, line)

    return work


def interleaved(cases: dict[str, Callable[[], object]], count: int, seconds: float) -> dict[str, list[float]]:
    """Return seconds per call of each case, measured in turn."""
    took: dict[str, list[float]] = {name: [] for name in cases}
    for work in cases.values():
        work()
    for _ in range(count):
        for name, work in cases.items():
            until = perf_counter() + seconds
            while perf_counter() < until:
                start = perf_counter()
                work()
                took[name].append(perf_counter() - start)
    return took

"""What a batch of decisions costs in a sandbox, compared with the same controller as a plain function."""

from __future__ import annotations

import statistics
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.bench.sandbox.controllers import CONTROLLERS, TRIVIAL
from ouroloop.bench.timing import significant
from ouroloop.envs.snake import toolkit
from ouroloop.envs.snake.task import toolkit_source
from ouroloop.sandbox.guest import shipped
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.link import await_ready
from ouroloop.sandbox.pipes import ProcessLink
from ouroloop.sandbox.session import WorkerSession

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ouroloop.protocols.ports import Sandbox, Session
    from ouroloop.protocols.records import Observations

ROWS: Final = 256


@contextmanager
def native() -> Iterator[Callable[[str], Session]]:
    """Yield a function that opens a controller in the worker without walls."""
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
    """Add actions per second and the round trip without `act` to the document; each round measures all cases in turn."""
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
    """Return the speed of case `name` as a share of the speed of case `over`."""
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

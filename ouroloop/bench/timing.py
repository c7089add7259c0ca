"""How benchmarks measure: rates by processor time, medians over interleaved rounds, and a description of the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.protocols.errors import SurroundingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRIVERS: Final = Path(__file__).parents[2] / "benchmarks" / "peers"
"""Scripts that time peers in the peers' own environments."""
PEER_TIMEOUT_S: Final = 900.0
Report = Callable[[str, float], None]
"""Called with a description of the current measurement and the share of the benchmark that is done, in [0, 1]."""


@dataclass(slots=True)
class Rates:
    """Work done per second, measured several times.

    Args:
        per_cpu_s: rates, one per round.
        wall_s: total over all rounds.
        cpu_s: total over all rounds.
    """

    per_cpu_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def measure(self, work: Callable[[], int], seconds: float) -> None:
        """Call `work`, which returns how much it did, for this many seconds; add a round."""
        done, wall, cpu = 0, time.perf_counter(), time.thread_time()
        while time.perf_counter() - wall < seconds:
            done += work()
        used = time.thread_time() - cpu
        self.per_cpu_s.append(done / used)
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += used

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.per_cpu_s)


def rounds(
    cases: dict[str, Callable[[], int]], count: int, seconds: float, between: Callable[[int], None] | None = None
) -> dict[str, Rates]:
    """Measure all cases in turn, `count` times over, after one warm-up of each.

    Args:
        cases: name -> work.
        count: rounds.
        seconds: for each case in each round.
        between: called after each round with its number, to measure peers there.
    """
    rates = {name: Rates() for name in cases}
    for work in cases.values():
        work()
    for index in range(count):
        for name, work in cases.items():
            rates[name].measure(work, seconds)
        if between is not None:
            between(index)
    return rates


def single_ms(work: Callable[[int], object], count: int, warm: int = 5) -> NDArray[np.float64]:
    """Return how long single pieces of work took, in milliseconds of wall time: (count,).

    Args:
        work: takes the number of the piece, from 0.
        count: pieces that are timed, numbers 0 to count - 1.
        warm: how many of them are done before, untimed.
    """
    for number in range(min(warm, count)):
        work(number)
    found = np.empty(count)
    for number in range(count):
        begun = time.perf_counter()
        work(number)
        found[number] = 1000 * (time.perf_counter() - begun)
    return found


def cpu_share(rates: dict[str, Rates]) -> float:
    """Return processor time over wall time of everything measured: near 1 if the core was free."""
    return round(sum(r.cpu_s for r in rates.values()) / max(1e-9, sum(r.wall_s for r in rates.values())), 3)


def ask_peer(peers: Path, name: str, driver: str, arguments: Sequence[str]) -> dict[str, Any] | None:
    """Run a peer's driver in its environment; return what it printed, or None if the peer is not installed.

    Raises:
        SurroundingsError: the peer is installed but fails.
    """
    python = (peers / name / "bin" / "python").absolute()
    script = DRIVERS / driver
    if not python.exists() or not script.exists():
        return None
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(python), "-B", str(script), *arguments]
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=True, timeout=PEER_TIMEOUT_S)
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
            text = f"the peer {name} failed ({' '.join(said)}): reinstall it, or remove {peers / name}"
            raise SurroundingsError(text) from error
    return found


def machine() -> dict[str, Any]:
    """Return the facts about the machine on which the figures depend."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version(), "numba": version("numba")}


def significant(value: float, digits: int = 4) -> float:
    """Round to this many significant digits."""
    return float(f"{value:.{digits}g}")

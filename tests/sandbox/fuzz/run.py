"""Fuzz the readers of hostile input: `python tests/sandbox/fuzz/run.py TARGET --engine hypothesis|atheris|mutation --inputs N`.

Prints one line of JSON when it is done: inputs, seconds, the slowest input's time and the memory at its peak. An exception that
is not declared, an input of more than a second of processor time, or memory beyond the cap ends it with an error and the input.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

HERE = Path(__file__).parent
HANG_S = 1.0
MEMORY_MB = 1024
STRETCH = 20_000
"""Inputs after which hypothesis begins anew."""
LONGEST = 4096
"""Bytes of an input that atheris makes."""


class Meter:
    """Counts and times what is fed."""

    def __init__(self, name: str, feed: Callable[[str, bytes], None]) -> None:
        self.name, self.feed, self.inputs, self.worst_s, self.began = name, feed, 0, 0.0, perf_counter()

    def __call__(self, data: bytes) -> None:
        """Feed one input."""
        gc.disable()  # what the fuzzer keeps is much, and collecting it is not the target's time
        start = process_time()
        self.feed(self.name, data)
        took_s = process_time() - start
        gc.enable()
        self.inputs, self.worst_s = self.inputs + 1, max(self.worst_s, took_s)
        # The first input also pays for imports.
        assert took_s < HANG_S or self.inputs == 1, f"{took_s:.2f} s for {data[:2000]!r}"

    def report(self, engine: str) -> None:
        """Print the figures."""
        status = Path("/proc/self/status").read_text()  # `ru_maxrss` would count what the parent had
        peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        figures: dict[str, Any] = {"target": self.name, "engine": engine, "inputs": self.inputs}
        figures |= {"seconds": round(perf_counter() - self.began, 1), "worst_s": round(self.worst_s, 4)}
        print(json.dumps(figures | {"peak_mb": round(peak_mb)}), flush=True)


def by_hypothesis(name: str, inputs: int) -> None:
    """Feed what `grammar` draws."""
    sys.path[:0] = [str(HERE), str(HERE.parents[2])]
    from grammar import INPUTS
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from targets import feed

    meter = Meter(name, feed)
    own = settings(database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    for start in range(0, inputs, STRETCH):  # it remembers all that it has drawn

        @seed(start)
        @settings(own, max_examples=min(STRETCH, inputs - start))
        @given(INPUTS[name])
        def stretch(data: bytes) -> None:
            meter(data)

        stretch()
    meter.report("hypothesis")


def by_mutation(name: str, inputs: int, start: int = 0, folder: Path | None = None) -> None:
    """Feed mutated answers; they are cheap to make, so that a million take minutes."""
    sys.path[:0] = [str(HERE), str(HERE.parents[2])]
    from mutate import answers
    from targets import feed

    meter = Meter(name, feed)
    for text in itertools.islice(answers(start, folder), inputs):
        meter(text.encode("utf-8", "surrogatepass"))
    meter.report("mutation")


def by_atheris(name: str, inputs: int) -> None:
    """Feed what coverage leads to, from the seeds that `grammar` keeps."""
    import atheris

    sys.path[:0] = [str(HERE), str(HERE.parents[2])]
    with atheris.instrument_imports(include=["ouroloop.sandbox"]):
        from targets import feed
    from grammar import SEEDS

    meter = Meter(name, feed)

    def one(data: bytes) -> None:
        meter(data)
        if meter.inputs == inputs:
            meter.report("atheris")

    with tempfile.TemporaryDirectory() as folder:
        for index, seed in enumerate(SEEDS[name]):
            Path(folder, str(index)).write_bytes(seed)
        limits = [f"-runs={inputs}", "-timeout=60", "-rss_limit_mb=0", f"-max_len={LONGEST}"]
        atheris.Setup([sys.argv[0], *limits, "-print_final_stats=0", "-verbosity=0", folder], one)
        atheris.Fuzz()


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=("diff", "screen", "replies", "frames", "frozen"))
    parser.add_argument("--engine", choices=("hypothesis", "atheris", "mutation"), required=True)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--starts", type=Path, help="a folder of more answers to mutate")
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20, MEMORY_MB << 20))
    if chosen.engine == "mutation":
        by_mutation(chosen.target, chosen.inputs, chosen.seed, chosen.starts)
    else:
        {"hypothesis": by_hypothesis, "atheris": by_atheris}[chosen.engine](chosen.target, chosen.inputs)


if __name__ == "__main__":
    main()

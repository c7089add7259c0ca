"""A command with little memory, in a separate process: `python -m ouroloop.bench.policy.starved MB FIRST THEN`.

FIRST and THEN are command lines as JSON lists. FIRST runs without a limit, so that libraries, compiled kernels and buffers are
loaded. Then the address space is limited to MB * 10^6 bytes beyond what the process has, and THEN runs. Only Linux has such a
limit and enforces it.
"""

from __future__ import annotations

import json
import re
import resource
import runpy
import sys
from pathlib import Path
from typing import Final

MARK: Final = "=== with little memory ==="
"""Printed on both streams before the output of THEN."""


def main() -> int:
    """Run both commands; return the second one's exit code."""
    spare, first, then = sys.argv[1:]
    code = call(json.loads(first))
    if code:
        return code
    for stream in (sys.stdout, sys.stderr):
        print(MARK, file=stream, flush=True)
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + int(spare) * 10**6, resource.RLIM_INFINITY))
    return call(json.loads(then))


def call(command: list[str]) -> int:
    """Run a command line in this process, as `python -m ouroloop.cli` would; return its exit code."""
    sys.argv = ["ouroloop", *command]
    try:
        runpy.run_module("ouroloop.cli", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def address_space() -> int:
    """Return the bytes of address space that this process has."""
    found = re.search(r"^VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())

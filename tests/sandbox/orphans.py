"""A host in a process of its own, whose worker has broken out of the allow-lists and runs for ever, to be killed by a test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ouroloop.sandbox.breakout import broken_out

ENDLESS = broken_out("def act(observation, logits):\n    while True:\n        pass\n")
GONE_S = 3.0
"""Time within which nothing of a worker may be left once its host is dead."""
HOST = """
import sys, threading
import ouroloop.sandbox.docker.sandbox as docker
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.probes import bank
from ouroloop.sandbox.wasm.sandbox import WasmSandbox
if sys.argv[3] == "attached":
    docker.mounts = lambda folder: dict.fromkeys(("/nowhere/requests", "/nowhere/replies"), "/channel/requests")
kind = {"docker": docker.DockerSandbox, "wasm": WasmSandbox}[sys.argv[1]]
sandbox = kind(sys.stdin.read(), 4, Limits(batch_s=600.0), warm=0)
session = sandbox.open(sys.argv[2])
threading.Thread(target=lambda: session.act(*bank(1)), daemon=True).start()
print("asked", flush=True)
threading.Event().wait()
"""


@contextmanager
def host(kind: str, toolkit: str, piped: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Yield a host whose worker is at work on something endless; it is killed at the latest when the block ends.

    Args:
        kind: of the sandbox.
        toolkit: source of the toolkit.
        piped: whether named pipes reach a container; otherwise the daemon carries the frames.
    """
    command = [sys.executable, "-c", HOST, kind, ENDLESS, "piped" if piped else "attached"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(toolkit)
        process.stdin.close()
        assert process.stdout.readline() == "asked\n"
        time.sleep(0.5)  # the request is on its way
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a host as the kernel does where memory runs out."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def soon(gone: Callable[[], bool], within_s: float = GONE_S) -> bool:
    """Return whether something comes to be true in time."""
    end = time.monotonic() + within_s
    while not (found := gone()) and time.monotonic() < end:
        time.sleep(0.05)
    return found

"""The WASM sandbox: CPython compiled to WebAssembly, in a child process that confines itself. The default; no daemon, no root.

It has two walls: the engine (the guest has no imports to call) and the process around it (empty environment, no files, no
sockets, no new code). A session is one process; it dies with its controller.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.sandbox.limits import Limits
from ouroloop.sandbox.link import await_ready
from ouroloop.sandbox.pipes import ProcessLink
from ouroloop.sandbox.pool import WarmPool
from ouroloop.sandbox.session import WorkerSession
from ouroloop.sandbox.wasm.build import prepare

SLOWDOWN = 3.0
"""Largest ratio of the guest's wall-clock time to the native interpreter's; for the host's own deadline."""

__all__ = ["WasmSandbox", "prepare"]

_ROOT = str(Path(__file__).parents[3])
_START = """\
import sys
sys.path.insert(0, sys.argv[1])
from ouroloop.sandbox.wasm.child import main
main(sys.argv[2], *map(int, sys.argv[3:]))
"""
"""Isolated mode (-I) ignores the environment and the current folder, so the package's location is passed explicitly."""


class WasmSandbox:
    """Runs controllers in WebAssembly.

    Args:
        toolkit_source: source of the `toolkit` module that controllers may import.
        actions: number of actions.
        limits: what a worker may use.
        warm: workers kept ready after the first one was requested.

    Raises:
        SurroundingsError: `wasmtime` is missing, or the component cannot be built or cached.
    """

    name = "wasm"

    def __init__(self, toolkit_source: str, actions: int, limits: Limits | None = None, *, warm: int = 2) -> None:
        if find_spec("wasmtime") is None:
            raise SurroundingsError("the WASM sandbox needs the package wasmtime; pip install it, or start Docker")
        self._toolkit, self._component = toolkit_source, prepare(toolkit_source)
        self._actions, self._limits = actions, limits or Limits()
        self._sessions: set[WorkerSession] = set()
        # A worker is killed when the thread that started it ends, so one thread starts all, and outlives them.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-process")
        self._pool = WarmPool(self._start, warm, lambda link: not link.gone())

    def open(self, source: str) -> WorkerSession:
        """Load a controller into a fresh worker.

        Raises:
            CandidateFault: the controller could not be loaded.
            SurroundingsError: the worker process did not start.
        """
        link, on_close = self._pool.take(), self._sessions.discard
        try:
            session = WorkerSession(link, source, self._actions, self._limits, slowdown=SLOWDOWN, on_close=on_close)
        finally:
            self._pool.refill()  # not earlier: starting the next worker would slow down this one's first answer
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """End every worker; safe to call twice."""
        for session in list(self._sessions):
            session.close()
        self._pool.close()
        self._starter.shutdown()

    def await_warm(self) -> None:
        """Wait until the pool is full."""
        self._pool.await_warm()

    def _start(self) -> ProcessLink:
        """Start a worker's process and wait until it is confined."""
        if not self._component.exists():  # the cache has been emptied meanwhile
            prepare(self._toolkit)
        command = [sys.executable, "-I", "-c", _START, _ROOT, self._component, self._limits.memory_mb, os.getpid()]
        try:
            link = self._starter.submit(ProcessLink, list(map(str, command))).result()
        except RuntimeError as error:  # the thread has been shut down
            raise SurroundingsError("the WASM sandbox is closed") from error
        await_ready(link, self._limits.start_s, "WASM")
        return link

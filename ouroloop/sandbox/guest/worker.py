"""The worker: loads one controller and answers batches. Runs inside a sandbox, so it imports nothing but the standard library.

It is shipped as a file beside `toolkit.py`, into the Docker image (where `serve` talks frames on stdio) and into the WASM
component (where the host calls `Worker.handle`). Nothing here protects the host: a hostile controller owns this process, and
the host checks every byte that leaves it. What the worker does guarantee is the same behaviour in both sandboxes: fresh
observations for every row, one namespace from one allow-list, sums that add in order, sets that keep their order. It is longer
than a module should be because it travels as one file.

What it says and hears is described in `wire`, which travels with it.
"""

from __future__ import annotations

import builtins
import collections
import functools
import heapq
import itertools
import json
import math
import os
import signal
import sys
import types
import unicodedata  # noqa: F401 (the compiler needs it for `\N{...}`, and later there are no files)
import warnings
from collections.abc import Callable
from typing import Any

import constants
import depth
import rewrite
import toolkit
import wire

if sys.version_info >= (3, 12):
    import _pylong  # noqa: F401 (big integers need it)

FILENAME = "controller.py"
NATIVE_DEPTH = 12_000
"""Depth at which the interpreter itself gives up, on data within data; `depth` stops functions long before."""
CONSTANTS = (bool, int, float, str, tuple, types.FunctionType)
"""What a public name of the toolkit may be to be seen by a controller: no modules, classes or mutable tables."""


class BadAction(Exception):
    """A controller returned something that is not an action."""


class Sink:
    """A stream that forgets: what a controller prints costs neither memory nor a system call."""

    def write(self, text: str) -> int:
        """Take a text and drop it."""
        return len(text)

    def flush(self) -> None:
        """Do nothing."""


class Worker:
    """One controller and the requests about it."""

    def __init__(self) -> None:
        self.act: Callable[[dict[str, Any], list[float]], int] | None = None
        self.actions = 0
        self.done: list[int] | None = None
        self.depth = depth.Depth()
        sys.stdout = sys.stderr = Sink()
        warnings.simplefilter("ignore")  # to show one, the interpreter would look for the source in a file

    def handle(self, text: str) -> str:
        """Answer one JSON-RPC request with one reply; an exception of the controller is an error reply."""
        request = json.loads(text)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        self.done = None
        sys.setrecursionlimit(_depth() + NATIVE_DEPTH)
        try:
            method = {"open": self._open, "act": self._act}[request["method"]]
            return json.dumps({**reply, "result": method(request["params"])}, separators=(",", ":"))
        except BadAction as error:
            fault: dict[str, Any] = {
                "code": wire.BAD_ACTION,
                "message": "bad action",
                "data": {"found": str(error), "row": self._row()},
            }
        except BaseException as error:
            # Whatever a controller raises, also SystemExit, is its fault and must not end the loop.
            where = {"type": type(error).__name__, "line": _line(error), "row": self._row()}
            fault = {"code": wire.CANDIDATE_RAISED, "message": "the controller raised", "data": where}
        return json.dumps({**reply, "error": fault})

    def _open(self, params: dict[str, Any]) -> bool:
        """Load a controller into a namespace of allowed names."""
        names = {name: getattr(builtins, name) for name in params["builtins"]} | rewrite.NAMES | self.depth.names
        names["__import__"] = _importer(params["modules"])
        namespace: dict[str, Any] = {"__builtins__": names, "__name__": constants.MODULE}
        tree = rewrite.rewritten(params["source"], FILENAME)
        exec(compile(tree, FILENAME, "exec", dont_inherit=True), namespace)  # noqa: S102 (this is the sandbox)
        constants.freeze_module(namespace)
        self.act, self.actions = namespace["act"], params["actions"]
        return True

    def _act(self, params: dict[str, Any]) -> list[int]:
        """Return the controller's action for every row."""
        act, actions, forget = self.act, self.actions, getattr(toolkit, "_forget", None)
        out: list[int] = []
        self.done = out
        if act is None:
            raise RuntimeError("no controller is loaded")
        for observation, logits in wire.rows(params):
            if forget is not None:
                forget()
            self.depth.now = 0
            action = act(observation, logits)
            if type(action) is not int:
                raise BadAction(type(action).__name__)
            if not 0 <= action < actions:
                raise BadAction(str(action) if abs(action) < 1 << 31 else "a huge int")
            out.append(action)
        return out

    def _row(self) -> int:
        """Return the row at hand when the controller failed; -1 where it was at none."""
        return -1 if self.done is None else len(self.done)


def _depth() -> int:
    """Return how many frames lie below: more under one sandbox's caller than under the other's."""
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    return depth


def _line(error: BaseException) -> int:
    """Return the line of the controller where an exception arose; 0 where it has none."""
    line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _importer(allowed: dict[str, list[str]]) -> Callable[..., types.ModuleType]:
    """Return an `__import__` that knows the listed modules, each reduced to its listed names."""
    known = {"collections": collections, "functools": functools, "heapq": heapq, "itertools": itertools, "math": math}
    # The interpreter itself imports `_pylong` by this function, and then takes it from where it keeps modules.
    modules = {name: types.ModuleType(name) for name in (*allowed, "toolkit", "__future__", "_pylong")}
    for name, names in allowed.items():
        vars(modules[name]).update({key: constants.MEMBERS.get(key) or getattr(known[name], key) for key in names})
    for key, value in vars(toolkit).items():
        own = getattr(value, "__module__", "toolkit") == "toolkit"
        if not key.startswith("_") and isinstance(value, CONSTANTS) and own:
            setattr(modules["toolkit"], key, value)
    vars(modules["__future__"])["annotations"] = None

    def load(
        name: str, _globals: object = None, _locals: object = None, names: object = (), level: int = 0
    ) -> types.ModuleType:
        if level or name not in modules:
            raise ImportError(name)
        return modules[name]

    return load


def serve(confine: Callable[[], object], pipes: tuple[str, ...] = ()) -> None:
    """Shut in, say so with an empty frame, answer frames until the host closes the channel.

    Args:
        confine: gives up everything but open descriptors. The controller's own stdio leads nowhere.
        pipes: named pipes for requests and replies; without them stdio carries both.
    """
    requests, replies = (os.open(pipes[0], os.O_RDONLY), os.open(pipes[1], os.O_WRONLY)) if pipes else (os.dup(0), os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    worker = Worker()
    confine()
    os.write(replies, wire.READY)
    while header := _read(requests, wire.REQUEST.size):
        size, budget_us = wire.REQUEST.unpack(header)
        text = _read(requests, size).decode()
        # The kernel's timer counts processor time and ends the process from outside the interpreter; the host sees SIGPROF.
        signal.setitimer(signal.ITIMER_PROF, budget_us / 1e6)
        reply = worker.handle(text).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        view = memoryview(wire.REPLY.pack(len(reply)) + reply)
        while view:
            view = view[os.write(replies, view) :]


def _read(source: int, size: int) -> bytes:
    """Return exactly `size` bytes; nothing at the end of the stream."""
    parts = bytearray()
    while len(parts) < size:
        part = os.read(source, size - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)

"""The worker: loads one controller and answers batches. Runs inside a sandbox, so it imports nothing but the standard library.

It is shipped as a file beside `toolkit.py`, into the Docker image (where `serve` talks frames on stdio) and into the WASM
component (where the host calls `Worker.handle`). Nothing here protects the host: a hostile controller owns this process, and
the host checks every byte that leaves it. What the worker does guarantee is the same behaviour in both sandboxes: fresh
observations for every row, one namespace from one allow-list, sums that add in order.

Frames: the worker begins with an empty frame, which says that it is ready. A request is `<IQ` (length, budget in
microseconds of processor time) and that many bytes; a reply is `<I` and bytes. Both carry one JSON-RPC 2.0 object.
"""

from __future__ import annotations

import binascii
import builtins
import collections
import functools
import heapq
import itertools
import json
import math
import operator
import os
import signal
import struct
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import toolkit

FILENAME = "controller.py"
CANDIDATE_RAISED = -32000
BAD_ACTION = -32001
READY = struct.pack("<I", 0)
CONSTANTS = (bool, int, float, str, tuple, types.FunctionType)
"""What a public name of the toolkit may be to be seen by a controller: no modules, classes or mutable tables."""


class BadAction(Exception):  # noqa: N818 (a finding about the controller, not an error of the worker)
    """A controller returned something that is not an action."""


class Sink:
    """A stream that forgets: what a controller prints costs neither memory nor a system call."""

    def write(self, text: str) -> int:
        """Take a text and drop it."""
        return len(text)

    def flush(self) -> None:
        """Do nothing."""


def ordered_sum(values: Iterable[Any], /, start: Any = 0) -> Any:
    """Add from left to right. The built-in compensates floats since Python 3.12, so it would differ between sandboxes."""
    return functools.reduce(operator.add, values, start)


class Worker:
    """One controller and the requests about it."""

    def __init__(self) -> None:
        self.act: Callable[[dict[str, Any], list[float]], int] | None = None
        self.actions = 0
        self.row = -1
        sys.stdout = sys.stderr = Sink()

    def handle(self, text: str) -> str:
        """Answer one JSON-RPC request with one reply; an exception of the controller is an error reply."""
        request = json.loads(text)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        self.row = -1
        try:
            method = {"open": self._open, "act": self._act}[request["method"]]
            return json.dumps({**reply, "result": method(request["params"])}, separators=(",", ":"))
        except BadAction as error:
            fault: dict[str, Any] = {
                "code": BAD_ACTION,
                "message": "bad action",
                "data": {"found": str(error), "row": self.row},
            }
        except BaseException as error:
            # Whatever a controller raises, also SystemExit, is its fault and must not end the loop.
            where = {"type": type(error).__name__, "line": _line(error), "row": self.row}
            fault = {"code": CANDIDATE_RAISED, "message": "the controller raised", "data": where}
        return json.dumps({**reply, "error": fault})

    def _open(self, params: dict[str, Any]) -> bool:
        """Load a controller into a namespace of allowed names."""
        names = {name: getattr(builtins, name) for name in params["builtins"]}
        names |= {"sum": ordered_sum, "__import__": _importer(params["modules"])}
        namespace: dict[str, Any] = {"__builtins__": names, "__name__": "controller"}
        exec(compile(params["source"], FILENAME, "exec", dont_inherit=True), namespace)  # noqa: S102 (this is the sandbox)
        self.act, self.actions = namespace["act"], params["actions"]
        return True

    def _act(self, params: dict[str, Any]) -> list[int]:
        """Return the controller's action for every row."""
        act, actions, out = self.act, self.actions, []
        if act is None:
            raise RuntimeError("no controller is loaded")
        for self.row, (observation, logits) in enumerate(_rows(params)):
            action = act(observation, logits)
            if type(action) is not int:
                raise BadAction(type(action).__name__)
            if not 0 <= action < actions:
                raise BadAction(str(action) if abs(action) < 1 << 31 else "a huge int")
            out.append(action)
        return out


def _line(error: BaseException) -> int:
    """Return the line of the controller where an exception arose; 0 where it has none."""
    line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _rows(params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[float]]]:
    """Yield each row's dict and logits. Every list is made once, for one row: a controller may write on its own."""
    constants = params["constants"]
    keys = (*constants, *params["columns"])
    columns: list[Iterable[Any]] = [itertools.repeat(value) for value in constants.values()]
    for key, column in params["columns"].items():
        values = _unpack(column)
        if key in params["lengths"]:
            for value, length in zip(values, _unpack(params["lengths"][key]), strict=True):
                del value[length:]
        columns.append(values)
    logits = _unpack(params["logits"])
    for row, *values in zip(logits, *columns):  # noqa: B905 (constants repeat for ever)
        yield dict(zip(keys, values, strict=True)), row


def _unpack(column: dict[str, Any]) -> list[Any]:
    """Return a column's values: integers, or a list for each row."""
    data = memoryview(binascii.a2b_base64(column["data"]))
    if column["width"] == 0:
        return data.cast(column["format"]).tolist()
    size = struct.calcsize(column["format"]) * column["width"]
    return data.cast(column["format"], (len(data) // size, column["width"])).tolist()


def _importer(allowed: dict[str, list[str]]) -> Callable[..., types.ModuleType]:
    """Return an `__import__` that knows the listed modules, each reduced to its listed names."""
    known = {"collections": collections, "functools": functools, "heapq": heapq, "itertools": itertools, "math": math}
    modules = {name: types.ModuleType(name) for name in (*allowed, "toolkit", "__future__")}
    for name, names in allowed.items():
        vars(modules[name]).update({key: getattr(known[name], key) for key in names})
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


def serve(confine: Callable[[], object]) -> None:
    """Shut in, say so with an empty frame, answer frames on stdio until the host closes the channel.

    Args:
        confine: gives up everything but open descriptors. The controller's own stdio leads nowhere.
    """
    requests, replies, nowhere = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    worker = Worker()
    confine()
    os.write(replies, READY)
    while header := _read(requests, 12):
        size, budget_us = struct.unpack("<IQ", header)
        text = _read(requests, size).decode()
        # The kernel's timer counts processor time and ends the process from outside the interpreter; the host sees SIGPROF.
        signal.setitimer(signal.ITIMER_PROF, budget_us / 1e6)
        reply = worker.handle(text).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        view = memoryview(struct.pack("<I", len(reply)) + reply)
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

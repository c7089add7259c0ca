"""The worker: loads one controller and answers batches. Runs inside a sandbox, so it imports nothing but the standard library.

It is shipped as a file beside `toolkit.py`, into the Docker image (where `serve` talks frames on stdio) and into the WASM
component (where the host calls `Worker.handle`). Nothing here protects the host: a hostile controller owns this process, and
the host checks every byte that leaves it. What the worker does guarantee is the same behaviour in both sandboxes: fresh
observations for every row, one namespace from one allow-list, sums that add in order, sets that keep their order. It is longer
than a module should be because it travels as one file.

What it says and hears is described in `wire`, which travels with it.
"""

from __future__ import annotations

import ast
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
import sys
import types
from collections.abc import Callable, Iterable, Set
from typing import Any

import toolkit
import wire

FILENAME = "controller.py"
RECURSION = 900
"""Frames that a controller may stack up, the same in both sandboxes."""
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


def ordered_sum(values: Iterable[Any], /, start: Any = 0) -> Any:
    """Add from left to right. The built-in compensates floats since Python 3.12, so it would differ between sandboxes."""
    return functools.reduce(operator.add, values, start)


class OrderedSet(dict[Any, None]):
    """What a controller has for `set`: it iterates in the order of insertion.

    The built-in's order follows hashes, which differ between 32 and 64 bits (of tuples, of floats) and from process to process
    (of strings), so that the same controller would play differently in each sandbox.
    """

    def __init__(self, values: Iterable[Any] = (), /) -> None:
        super().__init__(dict.fromkeys(values))

    def _like(self, values: Iterable[Any]) -> Any:
        return type(self)(values)

    def add(self, value: Any) -> None:  # noqa: D102 (from here on the methods of `set`)
        self[value] = None

    def discard(self, value: Any) -> None:  # noqa: D102
        dict.pop(self, value, None)

    def remove(self, value: Any) -> None:  # noqa: D102
        del self[value]

    def pop(self) -> Any:  # type: ignore[override]  # noqa: D102
        return self.popitem()[0]

    def copy(self) -> Any:  # noqa: D102
        return self._like(self)

    def update(self, *others: Iterable[Any]) -> None:  # type: ignore[override]  # noqa: D102
        dict.update(self, dict.fromkeys(itertools.chain(*others)))

    def union(self, *others: Iterable[Any]) -> Any:  # noqa: D102
        return self._like(itertools.chain(self, *others))

    def intersection(self, *others: Iterable[Any]) -> Any:  # noqa: D102
        tables = [dict.fromkeys(other) for other in others]
        return self._like(value for value in self if all(value in table for table in tables))

    def difference(self, *others: Iterable[Any]) -> Any:  # noqa: D102
        table = dict.fromkeys(itertools.chain(*others))
        return self._like(value for value in self if value not in table)

    def symmetric_difference(self, other: Iterable[Any]) -> Any:  # noqa: D102
        table = OrderedSet(other)
        return self._like(itertools.chain(self.difference(table), table.difference(self)))

    def _become(self, values: Iterable[Any]) -> Any:
        kept = dict.fromkeys(values)
        self.clear()
        dict.update(self, kept)
        return self

    def intersection_update(self, *others: Iterable[Any]) -> None:  # noqa: D102
        self._become(self.intersection(*others))

    def difference_update(self, *others: Iterable[Any]) -> None:  # noqa: D102
        self._become(self.difference(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:  # noqa: D102
        self._become(self.symmetric_difference(other))

    def isdisjoint(self, other: Iterable[Any]) -> bool:  # noqa: D102
        return not any(value in self for value in other)

    def issubset(self, other: Iterable[Any]) -> bool:  # noqa: D102
        return all(map(dict.fromkeys(other).__contains__, self))

    def issuperset(self, other: Iterable[Any]) -> bool:  # noqa: D102
        return all(map(self.__contains__, other))


class FrozenOrderedSet(OrderedSet):
    """What a controller has for `frozenset`: ordered, hashable, and with nothing that changes it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self))


def _refuse(*_: Any) -> None:
    """Stand for every method that would change a frozen set."""
    raise TypeError("a frozenset cannot be changed")


def _operator(name: str, change: bool = False) -> Callable[[Any, Any], Any]:
    """Return a binary operator of sets, which unlike its method takes sets alone."""

    def apply(self: Any, other: Any) -> Any:
        if not isinstance(other, (OrderedSet, Set)):
            return NotImplemented
        result = getattr(self, name)(other)
        return self._become(result) if change and not isinstance(self, FrozenOrderedSet) else result

    return apply


for _sign, _name in {"or": "union", "and": "intersection", "sub": "difference", "xor": "symmetric_difference"}.items():
    setattr(OrderedSet, f"__{_sign}__", _operator(_name))
    setattr(OrderedSet, f"__i{_sign}__", _operator(_name, change=True))
setattr(OrderedSet, "__le__", _operator("issubset"))  # noqa: B010
setattr(OrderedSet, "__ge__", _operator("issuperset"))  # noqa: B010
setattr(OrderedSet, "__lt__", lambda self, other: self <= other and self != other)  # noqa: B010
setattr(OrderedSet, "__gt__", lambda self, other: self >= other and self != other)  # noqa: B010


for _name in (
    "add",
    "discard",
    "remove",
    "pop",
    "update",
    "clear",
    "popitem",
    "setdefault",
    "_become",
    "__setitem__",
    "__delitem__",
):
    setattr(FrozenOrderedSet, _name, _refuse)


class OrderedDisplays(ast.NodeTransformer):
    """Turns set displays and comprehensions into calls of `OrderedSet`, under a name that the screen lets nobody bind."""

    def visit_Set(self, node: ast.Set) -> ast.AST:
        """Make `{a, b}` a call on the list."""
        return self._call(node, ast.List(node.elts, ast.Load()))

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        """Make `{a for b in c}` a call on the generator."""
        return self._call(node, ast.GeneratorExp(node.elt, node.generators))

    def _call(self, node: ast.expr, values: ast.expr) -> ast.AST:
        self.generic_visit(values)
        call = ast.Call(ast.Name("__set__", ast.Load()), [ast.copy_location(values, node)], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


class Worker:
    """One controller and the requests about it."""

    def __init__(self) -> None:
        self.act: Callable[[dict[str, Any], list[float]], int] | None = None
        self.actions = 0
        self.done: list[int] | None = None
        sys.stdout = sys.stderr = Sink()

    def handle(self, text: str) -> str:
        """Answer one JSON-RPC request with one reply; an exception of the controller is an error reply."""
        request = json.loads(text)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        self.done = None
        sys.setrecursionlimit(_depth() + RECURSION)
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
        names = {name: getattr(builtins, name) for name in params["builtins"]}
        names |= {"sum": ordered_sum, "set": OrderedSet, "frozenset": FrozenOrderedSet, "__set__": OrderedSet}
        names["__import__"] = _importer(params["modules"])
        namespace: dict[str, Any] = {"__builtins__": names, "__name__": "controller"}
        tree = OrderedDisplays().visit(ast.parse(params["source"], FILENAME))
        exec(compile(tree, FILENAME, "exec", dont_inherit=True), namespace)  # noqa: S102 (this is the sandbox)
        self.act, self.actions = namespace["act"], params["actions"]
        return True

    def _act(self, params: dict[str, Any]) -> list[int]:
        """Return the controller's action for every row."""
        act, actions = self.act, self.actions
        out: list[int] = []
        self.done = out
        if act is None:
            raise RuntimeError("no controller is loaded")
        for observation, logits in wire.rows(params):
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

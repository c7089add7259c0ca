"""How deep a controller's functions may call one another: counted here, because each interpreter counts differently.

A function that may come to call itself is wrapped in one that counts. If only plain calls reach it, it counts 1. If a built-in
or a generator may call it (`sorted(key=f)`, `map(f, ...)`), or if it is a generator, it counts `INDIRECT`, because each such
call also takes much of the interpreter's own stack. What calls only built-ins, the toolkit and functions like itself is left
alone.

Standard library only: it is shipped to the worker.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any

LIMIT = 1000
"""The most that the functions which are running may count together."""
INDIRECT = 3
SIMPLE = frozenset(
    "abs all any bool chr dict divmod enumerate float frozenset int isinstance len list max min ord pow range reversed round"  # noqa: SIM905
    " set sorted str sum tuple zip".split()
)
"""Built-ins that call no function, except one given as `key`."""
CALLING = frozenset(
    "accumulate cmp_to_key defaultdict dropwhile filterfalse groupby merge nlargest nsmallest reduce starmap takewhile".split()  # noqa: SIM905
)
"""Members of modules that call what they are given."""
GENERATOR = 0x20
"""The flag of a generator function's code."""
Function = ast.FunctionDef | ast.Lambda


class Depth:
    """The count of one worker."""

    def __init__(self) -> None:
        self.now = 0
        self.names: dict[str, Callable[..., Any]] = {
            "__direct__": functools.partial(self._counted, weight=1),
            "__indirect__": functools.partial(self._counted, weight=INDIRECT),
        }

    def _enter(self, weight: int) -> None:
        if self.now + weight > LIMIT:
            raise RecursionError
        self.now += weight

    def _counted(self, function: Any, weight: int) -> Callable[..., Any]:
        """Return a function that counts while it runs."""
        if function.__code__.co_flags & GENERATOR:
            return functools.wraps(function, ())(lambda *values, **named: self._driven(function(*values, **named)))

        @functools.wraps(function, ())
        def call(*values: Any, **named: Any) -> Any:
            self._enter(weight)
            try:
                return function(*values, **named)
            finally:
                self.now -= weight

        return call

    def _driven(self, generator: Iterator[Any]) -> Generator[Any, None, Any]:
        """Yield what a generator does; it counts while it makes a value."""
        while True:
            self._enter(INDIRECT)
            try:
                value = next(generator)
            except StopIteration as end:
                return end.value
            finally:
                self.now -= INDIRECT
            yield value


def counters(tree: ast.Module) -> dict[ast.AST, str]:
    """Return the functions that must be counted, each with the name in `Depth.names` of what counts it."""
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, Function)]
    named = {node.name: node for node in functions if isinstance(node, ast.FunctionDef)}
    bound = Counter(_bound(nodes))
    once = {name for name, times in bound.items() if times == 1}
    imported = {
        alias.asname or alias.name: alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    plain = set(SIMPLE - bound.keys())
    plain |= {name for name, origin in imported.items() if origin not in CALLING and name in once}
    homes = {getattr(node, "name", "") for node in nodes} | {getattr(node, "attr", "") for node in nodes}
    lookups = "defaultdict" in homes  # then a subscript may call what makes a missing value
    uses = {node: _uses(node, plain, set(named) & once, lookups) for node in functions}
    simple = _simple({name: uses[node] for name, node in named.items() if name in once})
    direct = (set(named) & once) - _reached(nodes)
    return {
        node: "__direct__" if isinstance(node, ast.FunctionDef) and node.name in direct else "__indirect__"
        for node, names in uses.items()
        if names is None or names - simple
    }


def _bound(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the names that a program binds, those of functions and imports once, those of variables twice."""
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                yield from (name, name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield from (name, name)


def _uses(function: Function, plain: set[str], own: set[str], lookups: bool) -> set[str] | None:
    """Return which of the program's own functions a function names; None if it also calls what cannot be known."""
    found: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) if name in own:
                found.add(name)
            case ast.Call(func=ast.Name(id=name)) if name not in plain | own:
                return None
            case ast.Call(func=ast.Attribute(attr=name)) if name in CALLING:
                return None
            case ast.Call(func=func) if not isinstance(func, ast.Name | ast.Attribute):
                return None
            case ast.keyword(arg="key", value=value) if not isinstance(value, ast.Lambda):
                return None
            case ast.YieldFrom():
                return None
            case ast.Subscript() if lookups:
                return None
    return found


def _simple(uses: dict[str, set[str] | None]) -> set[str]:
    """Return the functions that cannot come back to themselves: all that they use is simple."""
    simple: set[str] = set()
    while more := {name for name, names in uses.items() if name not in simple and names is not None and names <= simple}:
        simple |= more
    return simple


def _reached(nodes: list[ast.AST]) -> set[str]:
    """Return the names that are used other than in a plain call, or within a lambda, a generator or a set."""
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    found = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
    for node in nodes:
        if isinstance(node, ast.Lambda | ast.GeneratorExp | ast.SetComp) or _yields(node):
            found |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return found


def _yields(node: ast.AST) -> bool:
    """Tell whether a node is a function in which something is yielded."""
    return isinstance(node, ast.FunctionDef) and any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node))

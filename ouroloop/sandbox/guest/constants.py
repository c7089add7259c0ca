"""A module's constants, made unchangeable by value: nothing that a controller keeps carries state from one call to the next.

`freeze` replaces every list, dict and set that a loaded module holds, in whatever way it was made: in its globals, within
containers, as defaults of functions. It refuses what it does not know, an iterator for example. The interpreter's own methods
would change such a value all the same (`list.append(X, 1)`, `heappush(X, 1)`), so controllers get guarded kinds and functions.

Standard library only: it is shipped to the worker.
"""

from __future__ import annotations

import functools
import heapq
import types
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

from values import ConstantDict, ConstantList, ConstantSet, FrozenOrderedSet, OrderedSet, refuse_change

IMMUTABLE = (
    bool, int, float, complex, str, bytes, type(None), range, type, types.ModuleType, types.MethodDescriptorType,
    FrozenOrderedSet, ConstantDict, ConstantList, ConstantSet,
)  # fmt: skip
"""Kinds that stay as they are."""
FROZEN: dict[type, Callable[[Any], Any]] = {list: ConstantList, dict: ConstantDict, OrderedSet: ConstantSet, tuple: tuple}
"""What a controller may have at module level -> what it becomes."""
MUTATORS = (
    "append", "clear", "extend", "insert", "move_to_end", "pop", "popitem", "remove", "reverse", "setdefault", "sort",
    "subtract", "update",
)  # fmt: skip
"""Methods that change a list or a dict, of those that a controller may name."""
MODULE = "controller"
"""Name of a controller's module."""
UNFINISHED = object()
Known = dict[int, tuple[Any, Any]]
"""The id of a value -> the value, and what stands for it."""


def freeze_module(namespace: dict[str, Any]) -> None:
    """Make all that a module's globals hold unchangeable.

    Raises:
        TypeError: there is a value that cannot be made so.
    """
    known: Known = {}
    for name, value in namespace.items():
        if name != "__builtins__":
            namespace[name] = freeze(value, known)


def freeze(value: Any, known: Known) -> Any:
    """Return what stands for a value from now on; functions are changed in place.

    Args:
        value: a global of the module, or a part of one.
        known: the values seen so far, so that what was one value stays one.

    Raises:
        TypeError: the value cannot be made unchangeable.
    """
    if id(value) not in known:
        known[id(value)] = value, value if type(value) is types.FunctionType else UNFINISHED
        known[id(value)] = value, _frozen(value, known)
    found = known[id(value)][1]
    if found is UNFINISHED:
        raise TypeError("a value at module level that contains itself")
    return found


def _frozen(value: Any, known: Known) -> Any:
    """Return what stands for a value that has not been seen."""
    kind = type(value)
    if kind is types.FunctionType:
        _freeze_function(value, known)
    elif kind in (types.BuiltinFunctionType, types.MethodType):
        home = value.__self__
        # `X.append` of a list becomes that of the frozen list; `max` and `math.sqrt` belong to their modules.
        return value if isinstance(home, types.ModuleType) else getattr(freeze(home, known), value.__name__)
    elif kind is dict:
        return ConstantDict([(freeze(key, known), freeze(part, known)) for key, part in value.items()])
    elif kind in FROZEN:
        return FROZEN[kind]([freeze(part, known) for part in value])
    elif not isinstance(value, IMMUTABLE):
        raise TypeError(f"a {kind.__name__} at module level")
    return value


def _freeze_function(function: types.FunctionType, known: Known) -> None:
    """Freeze a function's defaults, and the function that it wraps; those of the worker itself hold nothing."""
    freeze(getattr(function, "__wrapped__", None), known)
    if function.__globals__.get("__name__") == MODULE:
        if function.__closure__:
            raise TypeError("a function at module level that encloses variables, which it could change")
        function.__defaults__ = function.__defaults__ and tuple(freeze(part, known) for part in function.__defaults__)
        named: dict[str, Any] = function.__kwdefaults__ or {}
        named.update({name: freeze(part, known) for name, part in named.items()})


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method or function that refuses a constant as its first argument."""

    @functools.wraps(method, ())
    def call(value: Any, /, *rest: Any, **options: Any) -> Any:
        if type(value) is ConstantList or type(value) is ConstantDict:
            refuse_change()
        return method(value, *rest, **options)

    return call


class _Kind(type):
    """Lets a guarded kind stand for the built-in in calls and in `isinstance`."""

    kind: type

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.kind)

    def __call__(cls, *values: Any, **options: Any) -> Any:
        return cls.kind(*values, **options)


def guarded_kind(kind: type) -> type:
    """Return what a controller has for a kind: it makes the same values, and its methods refuse constants."""
    methods: dict[str, Any] = {name: guarded(getattr(kind, name)) for name in MUTATORS if hasattr(kind, name)}
    if hasattr(kind, "fromkeys"):
        methods["fromkeys"] = kind.fromkeys  # of the kind itself, not of the one that stands for it
    return _Kind(kind.__name__, (kind,), {"__slots__": (), "kind": kind, **methods})


def heappush(heap: list[Any], item: Any, /) -> None:
    """Push as `heapq` does; written out, because searches call it most."""
    if type(heap) is ConstantList:
        refuse_change()
    heapq.heappush(heap, item)


def heappop(heap: list[Any], /) -> Any:
    """Pop as `heapq` does."""
    if type(heap) is ConstantList:
        refuse_change()
    return heapq.heappop(heap)


KINDS = {"list": guarded_kind(list), "dict": guarded_kind(dict)}
"""Built-in kinds, by their names."""
MEMBERS: dict[str, Any] = {kind.__name__: guarded_kind(kind) for kind in (Counter, OrderedDict, defaultdict)}
MEMBERS |= {name: guarded(getattr(heapq, name)) for name in ("heapify", "heapreplace", "heappushpop")}
MEMBERS |= {"heappush": heappush, "heappop": heappop}
"""Members of modules, by their names."""

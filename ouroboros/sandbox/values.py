"""Built-in values as a controller has them: the same in every interpreter and process, and constants that stay constant.

The interpreters differ in the order of sets, in how they add floats, and in the addresses that the text of a function holds.
Standard library only: it is shipped to the worker.
"""

from __future__ import annotations

import collections
import functools
import itertools
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

SCALARS = frozenset({int, float, bool, str, type(None), range})
"""Types whose text is the same everywhere."""


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

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"


class FrozenOrderedSet:
    """What a controller has for `frozenset`: ordered, hashable, and no dict, so that no method of one can change it."""

    __slots__ = ("_table",)

    def __init__(self, values: Iterable[Any] = (), /) -> None:
        self._table = dict.fromkeys(values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, value: object) -> bool:
        return value in self._table

    def __eq__(self, other: object) -> bool:
        return self._table.keys() == set(other) if isinstance(other, SETS) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._table))

    def __repr__(self) -> str:
        return f"frozenset({{{', '.join(map(repr, self))}}})" if self._table else "frozenset()"

    def _like(self, values: Iterable[Any]) -> Any:
        return FrozenOrderedSet(values)


SETS = (OrderedSet, FrozenOrderedSet, Set)


def _operator(name: str, change: bool = False) -> Callable[[Any, Any], Any]:
    """Return a binary operator of sets, which unlike its method takes sets alone."""

    def apply(self: Any, other: Any) -> Any:
        if not isinstance(other, SETS):
            return NotImplemented
        result = getattr(self, name)(other)
        return self._become(result) if change else result

    return apply


for _kind in (OrderedSet, FrozenOrderedSet):
    for _sign, _name in {"or": "union", "and": "intersection", "sub": "difference", "xor": "symmetric_difference"}.items():
        setattr(_kind, f"__{_sign}__", _operator(_name))
    setattr(_kind, "__le__", _operator("issubset"))  # noqa: B010
    setattr(_kind, "__ge__", _operator("issuperset"))  # noqa: B010
    setattr(_kind, "__lt__", lambda self, other: self <= other and self != other)  # noqa: B010
    setattr(_kind, "__gt__", lambda self, other: self >= other and self != other)  # noqa: B010
for _sign, _name in {"or": "union", "and": "intersection", "sub": "difference", "xor": "symmetric_difference"}.items():
    setattr(OrderedSet, f"__i{_sign}__", _operator(_name, change=True))
for _name in (
    "copy", "union", "intersection", "difference", "symmetric_difference", "isdisjoint", "issubset", "issuperset",
):  # fmt: skip
    setattr(FrozenOrderedSet, _name, vars(OrderedSet)[_name])


def frozen(values: Any) -> Any:
    """Return a module constant that nothing can change; lists are tuples already, see `rewrite`."""
    return types.MappingProxyType(values) if isinstance(values, dict) else FrozenOrderedSet(values)


def keys(mapping: Mapping[Any, Any]) -> OrderedSet:
    """Return a dict's keys as a set that keeps their order; operators of the built-in view would return one that does not."""
    return OrderedSet(_mapping(mapping))


def items(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Return a dict's pairs."""
    return list(_mapping(mapping).items())


def _mapping(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    if not isinstance(value, (dict, types.MappingProxyType)) or isinstance(value, OrderedSet):
        raise TypeError("only a dict has keys and items")
    return value


def plain(value: Any) -> Any:
    """Return a value whose text is the same in every process: a number, a text, or a container of such.

    Raises:
        TypeError: its text would hold an address.
    """
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind in (list, tuple, collections.deque, OrderedSet, FrozenOrderedSet):
        for part in value:
            plain(part)
    elif kind in (dict, collections.Counter, collections.OrderedDict, types.MappingProxyType):
        for key, part in value.items():
            plain(key)
            plain(part)
    else:
        raise TypeError(f"the text of a {kind.__name__} differs from process to process")
    return value


class _TextKind(type):
    """Lets `Text` stand for `str` in `isinstance` and as the home of its methods."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, str)

    def __getattr__(cls, name: str) -> Any:
        return getattr(str, name)


class Text(metaclass=_TextKind):
    """What a controller has for `str`: the text of plain values alone."""

    def __new__(cls, value: Any = "") -> Any:
        """Return the text."""
        return str(plain(value))

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
from typing import Any, NoReturn

SCALARS = frozenset({int, float, bool, str, type(None), range})
"""Types whose text is the same everywhere."""


def ordered_sum(values: Iterable[Any], /, start: Any = 0) -> Any:
    """Add from left to right. The built-in compensates floats since Python 3.12, so it would differ between sandboxes."""
    return functools.reduce(operator.add, values, start)


class OrderedSet(set[Any]):
    """What a controller has for `set`: it iterates in the order of insertion.

    The built-in's order follows hashes, which differ between 32 and 64 bits (of tuples, of floats) and from process to process
    (of strings), so that the same controller would play differently in each sandbox. Membership is the built-in's.
    """

    __slots__ = ("_table",)

    def __init__(self, values: Iterable[Any] = (), /) -> None:
        self._table = dict.fromkeys(values)
        super().__init__(self._table)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table)

    def _like(self, values: Iterable[Any]) -> Any:
        return OrderedSet(values)

    def add(self, value: Any) -> None:  # noqa: D102 (from here on the methods of `set`)
        self._table[value] = None
        super().add(value)

    def discard(self, value: Any) -> None:  # noqa: D102
        if value in self:
            self.remove(value)

    def remove(self, value: Any) -> None:  # noqa: D102
        # Of the two, the table may be read-only, so it comes first.
        self._table.pop(FrozenOrderedSet(value) if isinstance(value, OrderedSet) else value)
        super().remove(value)

    def pop(self) -> Any:  # noqa: D102
        if not self._table:
            raise KeyError("pop from an empty set")
        value = self._table.popitem()[0]
        super().remove(value)
        return value

    def clear(self) -> None:  # noqa: D102
        self._table.clear()
        super().clear()

    def copy(self) -> Any:  # noqa: D102
        return self._like(self)

    def update(self, *others: Iterable[Any]) -> None:  # noqa: D102
        for value in itertools.chain(*others):
            self.add(value)

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

    def _become(self, values: Iterable[Any]) -> None:
        kept = list(values)
        self.clear()
        self.update(kept)

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


def refuse_change(self: object, *_: object, **__: object) -> NoReturn:
    """Stand for every method that changes a value."""
    raise TypeError("a module's constant cannot be changed")


class ConstantList(list[Any]):
    """A list of the module: it reads, compares and adds as a list, and what is made of it is a plain one."""

    __slots__ = ()
    append = extend = insert = pop = remove = reverse = sort = clear = refuse_change
    __setitem__ = __delitem__ = __iadd__ = __imul__ = refuse_change


class ConstantDict(dict[Any, Any]):
    """A dict of the module: it reads as a dict, and what is made of it is a plain one."""

    __slots__ = ()
    clear = pop = popitem = setdefault = update = refuse_change
    __setitem__ = __delitem__ = __ior__ = refuse_change


class ConstantSet(OrderedSet):
    """A set of the module. Its table is read-only, so that also `set.add(S, x)` fails, before it has changed anything."""

    __slots__ = ()

    def __init__(self, values: Iterable[Any] = (), /) -> None:
        super().__init__(values)
        self._table = types.MappingProxyType(self._table)  # type: ignore[assignment]


SETS = (OrderedSet, FrozenOrderedSet, Set)
ALGEBRA = {"or": "union", "and": "intersection", "sub": "difference", "xor": "symmetric_difference"}
"""Operator -> the method that does the same."""
COMPARISONS = {"le": "issubset", "ge": "issuperset"}


def _operator(name: str, change: bool = False) -> Callable[[Any, Any], Any]:
    """Return a binary operator of sets, which unlike its method takes sets alone; to `change` the left one in place."""

    def apply(self: Any, other: Any) -> Any:
        if not isinstance(other, SETS):
            return NotImplemented
        found = getattr(self, name)(other)
        return self if change else found

    return apply


for _name in ("copy", "isdisjoint", *ALGEBRA.values(), *COMPARISONS.values()):
    setattr(FrozenOrderedSet, _name, vars(OrderedSet)[_name])
for _kind in (OrderedSet, FrozenOrderedSet):
    for _sign, _name in {**ALGEBRA, **COMPARISONS}.items():
        setattr(_kind, f"__{_sign}__", _operator(_name))
    setattr(_kind, "__lt__", lambda self, other: self <= other and self != other)  # noqa: B010
    setattr(_kind, "__gt__", lambda self, other: self >= other and self != other)  # noqa: B010
for _sign, _name in ALGEBRA.items():
    setattr(OrderedSet, f"__i{_sign}__", _operator(f"{_name}_update".removeprefix("union_"), change=True))


def keys(mapping: Mapping[Any, Any]) -> OrderedSet:
    """Return a dict's keys as a set that keeps their order; operators of the built-in view would return one that does not."""
    return OrderedSet(_mapping(mapping))


def items(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Return a dict's pairs."""
    return list(_mapping(mapping).items())


def _mapping(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
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
    if kind in (list, tuple, collections.deque, OrderedSet, FrozenOrderedSet, ConstantSet, ConstantList):
        for part in value:
            plain(part)
    elif kind in (dict, collections.Counter, ConstantDict):
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

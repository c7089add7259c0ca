# ruff: noqa: RUF005 (what is tested is just that)
"""Random constants, and random things to do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

import tests.sandbox.guest.native  # noqa: F401 (it makes the worker's modules known)

import constants  # isort: skip
import values  # isort: skip

SMALL = st.integers(-2, 3)
LEAVES = st.one_of(SMALL, st.sampled_from(["", "a", "b"]), st.tuples(SMALL, SMALL), st.none(), st.floats(-1, 1, width=16))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(SMALL, st.sampled_from("ab")), inner, max_size=3),
        st.lists(LEAVES, max_size=4).map(values.OrderedSet), st.tuples(inner, inner),
    ),
    max_leaves=8,
)  # fmt: skip
LIST, DICT, SET = constants.KINDS["list"], constants.KINDS["dict"], values.OrderedSet
Step = Callable[[Any], Any]


def plain_and_frozen() -> st.SearchStrategy[tuple[Any, Any]]:
    """Return a value, and what a module that holds it has in its place."""
    return VALUES.map(lambda value: (value, constants.freeze(value, {})))


def outcome(step: Step, value: Any) -> str:
    """Return what a step gives, as text, or the kind of what it raises."""
    try:
        return text_of(step(value))
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return type(error).__name__


def text_of(value: Any) -> str:
    """Return a text that tells kinds of containers apart, but not the frozen from the plain."""
    if isinstance(value, dict):
        return f"dict({[(text_of(key), text_of(part)) for key, part in value.items()]})"
    if isinstance(value, (set, values.FrozenOrderedSet)):
        return f"set({[text_of(part) for part in value]})"
    if isinstance(value, (list, tuple)):
        return f"{'list' if isinstance(value, list) else 'tuple'}({[text_of(part) for part in value]})"
    return repr(value)


def _steps(*found: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    return st.one_of(*found)


READINGS: st.SearchStrategy[Step] = _steps(
    st.sampled_from(
        [
            len, list, sorted, sum, max, min, bool, str, repr, tuple, reversed, enumerate, any, all, dict, hash, values.plain,
            lambda v: v + v, lambda v: v * 2, lambda v: 2 * v, lambda v: v.copy(), lambda v: v | v, lambda v: v - v,
            lambda v: v & v, lambda v: v ^ v, lambda v: v == v, lambda v: v < v, lambda v: [*v], lambda v: {**v},
            lambda v: v[::-1], lambda v: v[0], lambda v: v[-1], lambda v: v[:1], lambda v: list(v.values()),
            values.keys, values.items, lambda v: v.union(v), lambda v: v.difference(v), lambda v: v == list(v),
            lambda v: isinstance(v, LIST), lambda v: isinstance(v, DICT), lambda v: isinstance(v, set),

            lambda v: LIST(v), lambda v: [] + v, lambda v: v + [], lambda v: {} | v, lambda v: "a" in v,
        ]
    ),
    st.builds(lambda other: lambda v: [v == other, v != other, other == v], VALUES),
    st.builds(lambda other: lambda v: [v < other, other <= v], VALUES),
    st.builds(lambda other: lambda v: [v + other], VALUES),
    st.builds(lambda other: lambda v: [other + v], VALUES),
    st.builds(lambda other: lambda v: [v | other], VALUES),
    st.builds(lambda key: lambda v: [v[key]], LEAVES),
    st.builds(lambda key: lambda v: [key in v], LEAVES),
    st.builds(lambda key: lambda v: v.get(key, 7), LEAVES),
    st.builds(lambda key: lambda v: [v.index(key), v.count(key)], LEAVES),
    st.builds(lambda a, b, c: lambda v: v[a:b:c], SMALL, SMALL, SMALL),
)  # fmt: skip


def _apply(call: Callable[..., Any], *rest: Any) -> Step:
    return lambda value: call(value, *rest)


def _store(key: Any, part: Any) -> Step:
    def step(value: Any) -> None:
        value[key] = part

    return step


def _drop(key: Any) -> Step:
    def step(value: Any) -> None:
        del value[key]

    return step


def _inside(step: Step) -> Step:
    return lambda value: [step(part) for part in (value.values() if isinstance(value, dict) else value)]


def _in_place(sign: str, other: Any) -> Step:
    def step(value: Any) -> None:
        exec(f"value {sign}= other", {"value": value, "other": other})

    return step


METHODS = [
    "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "update", "setdefault", "popitem", "add",
    "discard", "difference_update", "intersection_update", "symmetric_difference_update",
]  # fmt: skip
UNBOUND = [getattr(kind, name) for kind in (LIST, DICT, SET) for name in METHODS if hasattr(kind, name)] + [
    getattr(kind, name)
    for kind in (constants.MEMBERS[key] for key in ("Counter", "defaultdict", "OrderedDict"))
    for name in (*METHODS, "subtract", "move_to_end")
    if hasattr(kind, name)
]
HEAPS = [constants.MEMBERS[name] for name in ("heappush", "heappop", "heapify", "heapreplace", "heappushpop")]
ARGUMENTS = st.lists(VALUES, max_size=2)
ONE_CHANGE: st.SearchStrategy[Step] = _steps(
    st.builds(lambda name, rest: lambda value: getattr(value, name)(*rest), st.sampled_from(METHODS), ARGUMENTS),
    st.builds(lambda call, rest: _apply(call, *rest), st.sampled_from(UNBOUND + HEAPS), ARGUMENTS),
    st.builds(_store, st.one_of(LEAVES, st.builds(slice, SMALL, SMALL)), VALUES),
    st.builds(_drop, st.one_of(LEAVES, st.builds(slice, SMALL, SMALL))),
    st.builds(_in_place, st.sampled_from(["+", "*", "|", "-", "&", "^"]), VALUES),
)
CHANGES = _steps(ONE_CHANGE, ONE_CHANGE.map(_inside), ONE_CHANGE.map(lambda step: _inside(_inside(step))))

"""Random constants, and random things to do with them: they read as plain values do, and never change."""

from __future__ import annotations

import operator
from collections.abc import Callable
from random import Random
from typing import Any

import tests.sandbox.guest.native  # noqa: F401 (it makes the worker's modules known)

import constants  # isort: skip
import values  # isort: skip

Step = Callable[[Any], Any]
LIST, DICT, SET = constants.KINDS["list"], constants.KINDS["dict"], values.OrderedSet
KEYS = (0, 1, 2, -1, "a", "b", "", (0, 1), None, 1.5)
METHODS = (
    "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "update", "setdefault", "popitem", "add",
    "discard", "difference_update", "intersection_update", "symmetric_difference_update", "subtract", "move_to_end",
)  # fmt: skip
HOMES = (LIST, DICT, SET, *(constants.MEMBERS[name] for name in ("Counter", "defaultdict", "OrderedDict")))
UNBOUND = [getattr(kind, name) for kind in HOMES for name in METHODS if hasattr(kind, name)]
UNBOUND += [constants.MEMBERS[name] for name in ("heappush", "heappop", "heapify", "heapreplace", "heappushpop")]
IN_PLACE = (operator.iadd, operator.imul, operator.ior, operator.isub, operator.iand, operator.ixor)
BINARY = (
    operator.add, operator.mul, operator.or_, operator.sub, operator.and_, operator.xor, operator.eq, operator.ne, operator.lt,
    operator.le, operator.gt, operator.ge, operator.getitem, operator.contains, LIST.index, LIST.count, DICT.get,
    lambda v, other: v.union(other), lambda v, other: v.issubset(other), lambda v, other: v.isdisjoint(other),
    lambda v, other: isinstance(v, (LIST, DICT, SET)) and v == other, lambda v, other: [*v, *other],
    lambda v, other: {**v, **other},
    lambda v, other: sum([v, other], other), lambda v, other: sorted([v, other]), lambda v, other: v.index(other),
)  # fmt: skip
UNARY = (
    len, list, sorted, sum, max, min, bool, str, repr, tuple, reversed, any, all, dict, hash, values.plain, values.keys,
    values.items, LIST, SET, lambda v: v.copy(), lambda v: v[::-1], lambda v: v[1:], lambda v: list(v.values()), lambda v: [*v],
    lambda v: isinstance(v, LIST), lambda v: isinstance(v, DICT), lambda v: isinstance(v, set), lambda v: dict.fromkeys(v),
    lambda v: values.ordered_sum(v, []), lambda v: f"{values.plain(v)}", lambda v: v * 2, lambda v: 2 * v,
)  # fmt: skip
ERRORS = (TypeError, ValueError, LookupError, AttributeError)


def some_value(rng: Random, depth: int = 3) -> Any:
    """Return a value as a module could hold it."""
    kind = rng.randrange(9 if depth else 4)
    if kind < 4:
        return rng.choice(KEYS)
    parts = range(rng.randrange(4))
    if kind < 6:
        return [some_value(rng, depth - 1) for _ in parts]
    if kind == 6:
        return {rng.choice(KEYS): some_value(rng, depth - 1) for _ in parts}
    if kind == 7:
        return SET(rng.choice(KEYS) for _ in parts)
    return tuple(some_value(rng, depth - 1) for _ in parts)


def text_of(value: Any) -> str:
    """Return a text that tells kinds of containers apart, but not the frozen from the plain."""
    if isinstance(value, dict):
        return f"dict({[(text_of(key), text_of(part)) for key, part in value.items()]})"
    if isinstance(value, (set, values.FrozenOrderedSet)):
        return f"set({[text_of(part) for part in value]})"
    if isinstance(value, (list, tuple)):
        return f"{'list' if isinstance(value, list) else 'tuple'}({[text_of(part) for part in value]})"
    return repr(value) if isinstance(value, (int, float, str, type(None))) else type(value).__name__


def outcome(step: Step, value: Any) -> str:
    """Return what a step gives, as text, or the kind of what it raises."""
    try:
        return text_of(step(value))
    except ERRORS as error:
        return type(error).__name__


def reading(rng: Random) -> Step:
    """Return something to read of a value."""
    if rng.random() < 0.4:
        return rng.choice(UNARY)
    call, other = rng.choice(BINARY), some_value(rng, 2)
    return (lambda value: call(value, other)) if rng.random() < 0.7 else (lambda value: call(other, value))


def change(rng: Random) -> Step:
    """Return an attempt to change a value, or a part of it."""
    rest = [some_value(rng, 1) for _ in range(rng.randrange(3))]
    kind, name, key = rng.randrange(5), rng.choice(METHODS), rng.choice((*KEYS, slice(0, 1), slice(0, 0)))
    call, sign = rng.choice(UNBOUND), rng.choice(IN_PLACE)
    steps: tuple[Step, ...] = (
        lambda value: getattr(value, name)(*rest),
        lambda value: call(value, *rest),
        lambda value: operator.setitem(value, key, rest),
        lambda value: operator.delitem(value, key),
        lambda value: sign(value, rest or 2),
    )
    step = steps[kind]
    for _ in range(rng.randrange(3)):
        step = _inside(step)
    return step


def _inside(step: Step) -> Step:
    return lambda value: [outcome(step, part) for part in (value.values() if isinstance(value, dict) else value)]


def check(data: bytes) -> None:
    """Make a value of some bytes, read it frozen and plain, and try to change it."""
    rng = Random(data)
    plain = some_value(rng)
    frozen = constants.freeze(plain, {})
    before = text_of(plain)
    step = reading(rng)
    assert outcome(step, frozen) == outcome(step, plain), before
    for _ in range(3):
        outcome(change(rng), frozen)
    assert text_of(frozen) == before

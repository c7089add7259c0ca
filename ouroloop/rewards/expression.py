"""The expressions of a reward term: arithmetic over named features, read by an allow-list, never by `eval`.

Grammar: numbers, feature names, `+ - * /`, unary `-`, one comparison (`< <= > >= == !=`, as 0 or 1), and the functions
`min max` (two or more), `abs sqrt exp log1p tanh` (one), `clip(x, low, high)`, `where(condition, a, b)`.
There is no power, no attribute, no subscript, no string, no name other than a feature.

Every operation is total, so that a spec which passed the screen cannot stop a training run: a/b is 0 where |b| < 1e-6,
`exp` takes at most 20, `sqrt` of a negative number and `log1p` at or below -1 are 0, and values stay within +-1e9.
With `strict=True` the last three give NaN instead: the screen uses it to tell an author that a term leaves its domain.
"""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault

Array: TypeAlias = NDArray[np.float64]
Evaluate: TypeAlias = Callable[[Array], Array]

MAX_DEPTH = 16
MAX_NODES = 64
LIMIT = 1e9
ARITY = {
    "min": (2, 8),
    "max": (2, 8),
    "abs": (1, 1),
    "sqrt": (1, 1),
    "exp": (1, 1),
    "log1p": (1, 1),
    "tanh": (1, 1),
    "clip": (3, 3),
}
ARITY["where"] = (3, 3)
COMPARE: Mapping[type[ast.cmpop], Callable[[Array, Array], NDArray[np.bool_]]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def read_expression(text: str) -> ast.expr:
    """Return the tree of an expression, checked against the grammar (not against any feature names).

    Raises:
        CandidateFault: layer `schema`; the reason names the construct.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise CandidateFault("schema", f"expression {text[:60]!r} cannot be read: {error}") from error
    if count_nodes(tree) > MAX_NODES:
        raise CandidateFault(
            "schema", f"expression {text[:60]!r} has {count_nodes(tree)} nodes, at most {MAX_NODES} are allowed"
        )
    _check(tree, 1)
    return tree


def count_nodes(tree: ast.expr) -> int:
    """Return how many operands and operations an expression has."""
    return sum(isinstance(node, ast.expr) and not _is_callee(node) for node in ast.walk(tree))


def compile_expression(tree: ast.expr, columns: Mapping[str, int], *, strict: bool = False) -> Evaluate:
    """Return a function (..., F) float64 -> (...,) float64 for a checked tree.

    Args:
        tree: from `read_expression`.
        columns: feature name -> column in the last axis.
        strict: give NaN where an operation leaves its domain.

    Raises:
        CandidateFault: layer `schema`, for a name that is no feature; the reason gives the nearest one.
    """
    fault = math.nan if strict else 0.0

    def build(node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Constant):
            return _constant(float(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return _column(node.id, columns)
        parts = [build(child) for child in _operands(node)]
        operation = _operation(node, fault)
        return lambda x: _within(operation(*(part(x) for part in parts)), strict)

    return build(tree)


def _is_callee(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ARITY


def _check(node: ast.expr, depth: int) -> None:
    """Refuse whatever the grammar does not name, at any depth."""
    if depth > MAX_DEPTH:
        raise CandidateFault("schema", f"expression is nested deeper than {MAX_DEPTH}")
    match node:
        case ast.Constant(value=bool()):
            raise CandidateFault("schema", f"{ast.unparse(node)} is not a number; write 1 or 0")
        case ast.Constant(value=int() | float() as value) if abs(value) <= 1e6:
            return
        case ast.Constant():
            raise CandidateFault("schema", f"constant {ast.unparse(node)[:20]!r} is not a number within +-1e6")
        case ast.Name(id=name) if name in ARITY:
            raise CandidateFault("schema", f"function {name!r} is not called")
        case ast.Name() | ast.UnaryOp(op=ast.USub()) | ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            pass
        case ast.Compare(ops=[_]) if type(node.ops[0]) in COMPARE:
            pass
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in ARITY:
            low, high = ARITY[name]
            if not low <= len(node.args) <= high:
                raise CandidateFault("schema", f"{name} takes {low}..{high} arguments, found {len(node.args)}")
        case _:
            raise CandidateFault(
                "schema", f"{ast.unparse(node)[:60]!r} ({type(node).__name__}) is not in the expression language"
            )
    for child in _operands(node):
        _check(child, depth + 1)


def _operands(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.UnaryOp():
            return [node.operand]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.Compare():
            return [node.left, node.comparators[0]]
        case ast.Call():
            return list(node.args)
        case _:
            return []


def _constant(value: float) -> Evaluate:
    return lambda x: np.full(x.shape[:-1], value)


def _column(name: str, columns: Mapping[str, int]) -> Evaluate:
    if name not in columns:
        near = difflib.get_close_matches(name, columns, n=1, cutoff=0.0)
        raise CandidateFault("schema", f"unknown feature {name!r}; nearest known is {near[0] if near else 'none'!r}")
    index = columns[name]
    return lambda x: x[..., index]


def _within(value: Array, strict: bool) -> Array:
    """Keep a result within +-LIMIT, or say NaN where it is not (strict)."""
    return np.where(np.abs(value) <= LIMIT, value, np.nan) if strict else np.clip(value, -LIMIT, LIMIT)


def _operation(node: ast.expr, fault: float) -> Callable[..., Array]:
    match node:
        case ast.UnaryOp():
            return np.negative
        case ast.BinOp(op=ast.Div()):
            return _divide
        case ast.BinOp():
            return {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply}[type(node.op)]
        case ast.Compare():
            compare = COMPARE[type(node.ops[0])]
            return lambda a, b: compare(a, b).astype(np.float64)
        case ast.Call(func=ast.Name(id=name)):
            return _functions(fault)[name]
        case _:
            raise AssertionError(f"unchecked node {ast.dump(node)}")


def _functions(fault: float) -> dict[str, Callable[..., Array]]:
    return {
        "min": lambda *xs: np.minimum.reduce(xs),
        "max": lambda *xs: np.maximum.reduce(xs),
        "abs": np.abs,
        "sqrt": lambda x: np.where(x < 0, fault, np.sqrt(np.maximum(x, 0))),
        "exp": lambda x: np.exp(np.minimum(x, 20.0)),
        "log1p": lambda x: np.where(x <= -1, fault, np.log1p(np.maximum(x, -1 + 1e-12))),
        "tanh": np.tanh,
        "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
        "where": _where,
    }


def _divide(a: Array, b: Array) -> Array:
    small = np.abs(b) < 1e-6
    return np.where(small, 0.0, a / np.where(small, 1.0, b))


def _where(condition: Array, a: Array, b: Array) -> Array:
    return np.where(condition != 0, a, b)

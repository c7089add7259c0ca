"""The operators and functions of an expression, computed on whole columns at once."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ouroloop.protocols.errors import CandidateFault

Array: TypeAlias = NDArray[np.float64]
Evaluate: TypeAlias = Callable[[Array], Array]
LIMIT = 1e9
COMPARE: Mapping[type[ast.cmpop], Callable[[Array, Array], NDArray[np.bool_]]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def constant(value: float) -> Evaluate:
    """Return a function that gives the same number on every row."""
    return lambda x: np.full(x.shape[:-1], value)


def column(name: str, columns: Mapping[str, int]) -> Evaluate:
    """Return a function that picks a feature's column; an unknown name is a `CandidateFault`."""
    if name not in columns:
        near = difflib.get_close_matches(name, columns, n=1, cutoff=0.0)
        raise CandidateFault("schema", f"unknown feature {name!r}; nearest known is {near[0] if near else 'none'!r}")
    index = columns[name]
    return lambda x: x[..., index]


def within(value: Array, strict: bool) -> Array:
    """Clamp a result to +-LIMIT; if strict, replace values outside by NaN."""
    return np.where(np.abs(value) <= LIMIT, value, np.nan) if strict else np.clip(value, -LIMIT, LIMIT)


def operation(node: ast.expr, fault: float) -> Callable[..., Array]:
    """Return the operation of a checked node as a function of its operands; outside its domain it gives `fault`."""
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
            return functions(fault)[name]
        case _:
            raise AssertionError(f"unchecked node {ast.dump(node)}")


def functions(fault: float) -> dict[str, Callable[..., Array]]:
    """Return the functions of expressions by name; outside its domain a function gives `fault`."""
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

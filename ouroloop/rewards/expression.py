"""The expressions of a reward term: arithmetic over named features, read by an allow-list, never by `eval`.

Grammar: numbers, feature names, `+ - * /`, unary `-`, one comparison (`< <= > >= == !=`, as 0 or 1), and the functions
`min max` (two or more), `abs sqrt exp log1p tanh` (one), `clip(x, low, high)`, `where(condition, a, b)`.
There are no powers, attributes, subscripts or strings, and no names other than features.

Every operation is total, so a spec that passed the screen cannot stop a training: a/b is 0 if |b| < 1e-6, `exp` takes at most
20, `sqrt` of a negative number and `log1p` at or below -1 are 0, and values stay within +-1e9. With `strict=True` the last
three give NaN instead, so that the screen can tell an author that a term leaves its domain.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.syntax import UNREADABLE, parse_expression
from ouroloop.rewards.operations import COMPARE, Evaluate, column, constant, operation, within

MAX_DEPTH = 16
MAX_NODES = 64
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


def read_expression(text: str) -> ast.expr:
    """Return the tree of an expression, checked against the grammar (but not against feature names).

    Raises:
        CandidateFault: layer `schema`; the reason names the construct.
    """
    try:
        tree = parse_expression(text)
    except UNREADABLE as error:
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
        strict: give NaN if an operation leaves its domain.

    Raises:
        CandidateFault: layer `schema`, for a name that is not a feature; the reason gives the nearest one.
    """
    fault = math.nan if strict else 0.0

    def build(node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Constant):
            return constant(float(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return column(node.id, columns)
        parts = [build(child) for child in _operands(node)]
        compute = operation(node, fault)
        return lambda x: within(compute(*(part(x) for part in parts)), strict)

    return build(tree)


def _is_callee(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ARITY


def _check(node: ast.expr, depth: int) -> None:
    """Refuse any construct outside the grammar, at any depth."""
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

"""The module level of a controller: imports, functions and immutable constants, so that nothing can be remembered.

Part of the AST layer, see `allowlist`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ouroloop.sandbox.screen.imports import fault_at
from ouroloop.sandbox.screen.vocabulary import BUILTINS, EXCEPTIONS

_KEPT_NAMES = BUILTINS | EXCEPTIONS
"""Names that a module may not bind, because its constants are built with them."""


def check_module(tree: ast.Module) -> None:
    """Allow imports, functions, immutable constants and docstrings at module level, nothing else."""
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=targets, value=value) if all(isinstance(target, ast.Name) for target in targets):
                _check_constant(node, value)
            case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                _check_constant(node, value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple() | ast.List() | ast.Call() as value) if all(
                isinstance(name, ast.Name) for name in names
            ):
                _check_constant(node, value)
            case _:
                raise fault_at(node, f"{type(node).__name__} at module level, where only imports, constants, functions may be")
    for inner in (n for top in tree.body if isinstance(top, ast.FunctionDef) for n in ast.walk(top)):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            raise fault_at(inner, "an import inside a function; imports stand at the top")


def _check_constant(node: ast.AST, value: ast.expr) -> None:
    """Require a constant that nothing can change; the worker freezes lists, sets and dicts of constants."""
    if not is_immutable(value, displays=True):
        raise fault_at(
            node, "a module constant must be made of literals: numbers, strings, and tuples, lists, sets, dicts of them"
        )


def is_immutable(node: ast.expr, displays: bool = False) -> bool:
    """Tell whether an expression is an immutable constant that is cheap to make.

    Args:
        node: the expression.
        displays: accept lists, sets and dicts of constants too.
    """
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Tuple(elts=elts):
            return all(is_immutable(element, displays) for element in elts)
        case ast.List(elts=elts) | ast.Set(elts=elts) if displays:
            return all(is_immutable(element, displays) for element in elts)
        case ast.Dict(keys=keys, values=values) if displays:
            return all(part is not None and is_immutable(part, displays) for part in (*keys, *values))
        case ast.BinOp(left=left, op=ast.Pow() | ast.LShift(), right=ast.Constant(value=int(power))):
            return is_immutable(left) and 0 <= power <= 64
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]):
            return all(isinstance(arg, ast.Constant) for arg in args)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not() | ast.Invert(), operand=operand):
            return is_immutable(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.FloorDiv(), right=right):
            return is_immutable(left) and is_immutable(right)
        case ast.Attribute(value=ast.Name()):
            return True
        case ast.Call(func=ast.Name(id="frozenset"), args=[ast.Tuple() | ast.List() | ast.Set() as value], keywords=[]):
            return all(map(is_immutable, value.elts))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() | int() | float())], keywords=[]):
            return True
    return False


def check_operands(tree: ast.Module) -> None:
    """Refuse arithmetic on tables at module level: `X + X`, `X * 1` and `S - S` would make new ones, which remember."""
    tables: set[str] = set()
    for node in tree.body:
        for value in _evaluated(node):
            for part in ast.walk(value):
                if isinstance(part, ast.BinOp) and _holds_table(part, tables):
                    raise fault_at(node, "arithmetic on a list, set or dict at module level; write its value out")
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _holds_table(node.value, tables):
            tables |= {name for name, _ in bindings(ast.walk(node))}


def _evaluated(node: ast.stmt) -> list[ast.expr]:
    """Return the expressions of a statement that are evaluated once, when the module is loaded."""
    match node:
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return [value]
        case ast.FunctionDef(args=args):
            return [default for default in (*args.defaults, *args.kw_defaults) if default is not None]
    return []


def _holds_table(node: ast.AST, tables: set[str]) -> bool:
    """Tell whether a module-level expression may yield or contain a list, set or dict; the allowed calls never do."""
    match node:
        case ast.List() | ast.Set() | ast.Dict():
            return True
        case ast.Name(id=name):
            return name in tables
        case ast.Call():
            return False
    return any(_holds_table(child, tables) for child in ast.iter_child_nodes(node))


def bindings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Yield every name that the program binds, imports included, with its node."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                yield name, node
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, node
            case ast.alias(name=name, asname=asname):
                yield asname or name, node


def check_module_names(tree: ast.Module) -> None:
    """Refuse a module that binds a name from which its constants are made."""
    for node in tree.body:
        inside = ast.walk(node) if not isinstance(node, ast.FunctionDef) else [node]
        for name, part in bindings(inside):
            if name in _KEPT_NAMES:
                raise fault_at(part, f"the built-in {name!r} may not be bound by the module")

"""The nodes of the syntax tree that a controller may contain, and the names that each may use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ouroloop.sandbox.screen.imports import check_member, fault_at
from ouroloop.sandbox.screen.toplevel import is_immutable
from ouroloop.sandbox.screen.vocabulary import EXCEPTIONS, METHODS

_CONVERSION = re.compile(r"%[#0 +.*hlL\d-]*+[rsa]")
"""Conversions with which `%` writes the text of any object: flags (a space is one), width, precision, length, kind."""
_KEYED = re.compile(r"\)[#0 +.*hlL\d-]*+[rsa]")
"""The same behind a key in brackets, which may hold anything, brackets included."""
_BITS_CAP = 4096
"""Most bits of an integer in the source."""
_KEYWORD_HOMES = {"count": "", "initial": "accumulate", "strict": "zip"}
"""Keywords that newer interpreters accept for more callables -> the one callable that may have them."""


def check_node(node: ast.AST, modules: dict[str, frozenset[str] | None], known: set[str], docstrings: set[int]) -> None:
    """Check one node against the lists."""
    match node:
        case ast.Attribute(value=ast.Name(id=home), attr=attr) if home in modules:
            check_member(node, home, attr, modules[home])
        case ast.Attribute(attr=attr, ctx=ast.Load()) if attr not in METHODS:
            raise fault_at(node, f"the attribute {attr!r} is not allowed")
        case ast.Name(id=name, ctx=ast.Load()) if name not in known:
            raise fault_at(node, f"the name {name!r} is neither defined here nor an allowed built-in")
        case ast.Constant(value=value) if isinstance(value, bytes | complex):
            raise fault_at(node, f"{type(value).__name__} literals are not allowed")
        case ast.Constant(value=int(value)) if value.bit_length() > _BITS_CAP:
            raise fault_at(node, f"an integer of {value.bit_length()} bits, at most {_BITS_CAP}")
        case ast.BinOp(left=ast.Constant(value=str()) | ast.JoinedStr(), op=ast.Mod()):
            raise fault_at(node, "'%' on a string; use an f-string")
        case ast.Call(func=func, keywords=keywords) if not all(_knows(func, keyword.arg or "") for keyword in keywords):
            raise fault_at(node, "a keyword that not every interpreter knows here; give it by position")
        case ast.Constant(value=str(text)) if id(node) not in docstrings and _converts(text):
            raise fault_at(node, "'%' before r, s or a in a string; use an f-string")
        case ast.FunctionDef() | ast.Lambda():
            _check_function(node)
        case ast.AnnAssign(annotation=annotation):
            _check_annotation(annotation)
        case ast.Try() | ast.ExceptHandler():
            _check_handler(node)
        case ast.keyword(arg=None):
            raise fault_at(node, "'**' in a call is not allowed")
        case ast.comprehension(is_async=1):
            raise fault_at(node, "async is not allowed")
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        raise fault_at(node, f"assignment to the attribute {node.attr!r}; use a local variable")
    # A module may be used only through its attributes: as a value it could reach places that the attribute lists do not cover.
    for child in ast.iter_child_nodes(node) if not isinstance(node, ast.Attribute) else ():
        if isinstance(child, ast.Name) and child.id in modules:
            raise fault_at(child, f"the module {child.id!r} may only be used as {child.id}.name")


def _converts(text: str) -> bool:
    """Tell whether `%` with this text could write the text of an object, which may be an address."""
    key = text.find("%(")
    return _CONVERSION.search(text) is not None or (key >= 0 and _KEYED.search(text, key) is not None)


def _knows(func: ast.expr, keyword: str) -> bool:
    """Tell whether every interpreter accepts a keyword here."""
    return _KEYWORD_HOMES.get(keyword, _called(func)) == _called(func)


def _called(func: ast.expr) -> str:
    """Return the last name of the called expression."""
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def _check_function(node: ast.FunctionDef | ast.Lambda) -> None:
    """Refuse decorators, `**` parameters, defaults that run code or hold state, and annotations that would run code."""
    args = node.args
    if isinstance(node, ast.FunctionDef):
        if node.decorator_list:
            raise fault_at(node, "decorators are not allowed")
        if node.returns is not None:
            _check_annotation(node.returns)
    if args.kwarg:
        raise fault_at(node, "'**' parameters are not allowed")
    for default in (*args.defaults, *args.kw_defaults):
        if default is not None and not is_immutable(default):
            raise fault_at(default, "a default must be an immutable literal or a name")
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *([args.vararg] if args.vararg else [])):
        if arg.annotation is not None:
            _check_annotation(arg.annotation)


def annotations_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes of a node's annotations; the worker drops them, so their names need not exist."""
    for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        if isinstance(part, ast.expr):
            yield from ast.walk(part)


def _check_annotation(node: ast.expr) -> None:
    """Allow names, their subscripts and unions: nothing that would run code if it were evaluated."""
    for part in ast.walk(node):
        plain = ast.Name | ast.Subscript | ast.Tuple | ast.List | ast.BinOp | ast.BitOr | ast.Load
        constant = isinstance(part, ast.Constant) and (part.value in (None, Ellipsis) or isinstance(part.value, str))
        if not (isinstance(part, plain) or constant):
            raise fault_at(node, "an annotation may only be made of names, '[...]' and '|'")
        if isinstance(part, ast.Name) and "__" in part.id:
            raise fault_at(node, f"the name {part.id!r} is not allowed")


def _check_handler(node: ast.Try | ast.ExceptHandler) -> None:
    """Allow handlers of named, listed exceptions without `as`; `finally` could swallow every other exception."""
    if isinstance(node, ast.Try):
        if node.finalbody:
            raise fault_at(node, "'finally' is not allowed")
        return
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    if not all(isinstance(kind, ast.Name) and kind.id in EXCEPTIONS for kind in kinds):
        raise fault_at(node, f"name the exceptions you expect; allowed are {', '.join(sorted(EXCEPTIONS))}")
    if node.name is not None:
        raise fault_at(node, "'except ... as' is not allowed: an exception's text differs between interpreters")

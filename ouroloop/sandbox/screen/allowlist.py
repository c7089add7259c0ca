"""The AST layer: everything that is not on a list is refused.

The lists are in `vocabulary`, the rules of the module level in `toplevel`. Two rules carry most of the weight: an
attribute is read only by a name on the list (none begins with an underscore), and a module holds only imports,
immutable constants and functions. So nothing runs at import, and nothing can be remembered between calls.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.imports import check_member, fault_at, imports_of
from ouroloop.sandbox.screen.toplevel import bindings, check_module, check_module_names, is_immutable
from ouroloop.sandbox.screen.vocabulary import BUILTINS, EXCEPTIONS, METHODS

AST_DEPTH_CAP = 64
_NODES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Lambda, ast.Return, ast.Yield, ast.YieldFrom,
    ast.Import, ast.ImportFrom, ast.alias, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.Delete, ast.Expr,
    ast.For, ast.While, ast.If, ast.IfExp, ast.Break, ast.Continue, ast.Pass, ast.Assert, ast.Raise, ast.Try, ast.ExceptHandler,
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Starred, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.comprehension, ast.JoinedStr, ast.FormattedValue,
    ast.Match, ast.match_case, ast.MatchValue, ast.MatchSingleton, ast.MatchSequence, ast.MatchMapping, ast.MatchStar,
    ast.MatchAs, ast.MatchOr,
    ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip
_CONVERSION = re.compile(r"%[^%\s]*[rsa]")
"""What makes `%` write the text of any object."""
_BITS_CAP = 4096
"""Of an integer in the source."""
_KEYWORD_HOMES = {"count": "", "initial": "accumulate", "strict": "zip"}
"""Keywords that younger interpreters know of more callables -> the one that may have them."""


def parse(source: str) -> ast.Module:
    """Return the syntax tree.

    Raises:
        CandidateFault: layer "ast": not Python of version 3.11, or nested too deeply.
    """
    try:
        with warnings.catch_warnings():  # what the parser warns of would reach the host's own output
            warnings.simplefilter("ignore")
            tree = ast.parse(source, "controller.py", feature_version=(3, 11))
    except SyntaxError as error:
        raise CandidateFault("ast", f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CandidateFault("ast", f"the parser gave up: {type(error).__name__}") from error
    level: list[ast.AST] = [tree]
    for _ in range(AST_DEPTH_CAP):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise fault_at(level[0], f"nested more than {AST_DEPTH_CAP} deep")
    _check_compiles(tree)
    return tree


def _check_compiles(tree: ast.Module) -> None:
    """Refuse what parses and does not compile, such as `return` outside a function."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "controller.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise CandidateFault("ast", f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise CandidateFault("ast", f"the compiler gave up: {type(error).__name__}") from error


def check_tree(tree: ast.Module) -> None:
    """Refuse any construct, name or attribute that is not on the lists.

    Raises:
        CandidateFault: layer "ast", naming line, finding and what is allowed.
    """
    nodes = list(ast.walk(tree))
    for node in nodes:
        if not isinstance(node, _NODES):
            raise fault_at(node, f"{type(node).__name__} is not allowed")
    check_module(tree)
    modules, imported = imports_of(tree)
    bound = list(bindings(nodes))
    _check_bindings(bound, modules)
    check_module_names(tree)
    _check_act(tree, [name for name, _ in bound])
    known = {name for name, node in bound if not isinstance(node, ast.alias)} | imported | BUILTINS | EXCEPTIONS
    _check_views(nodes)
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    annotations = {id(part) for node in nodes for part in _annotations(node)}
    for node in nodes:
        if id(node) not in annotations:
            _check_node(node, modules, known, docstrings)


def _check_bindings(bound: Iterable[tuple[str, ast.AST]], modules: dict[str, frozenset[str] | None]) -> None:
    """Refuse names with a double underscore, and hiding an imported module."""
    for name, node in bound:
        if "__" in name:
            raise fault_at(node, f"the name {name!r} may not be bound")
        if name in modules and not isinstance(node, ast.alias):
            raise fault_at(node, f"{name!r} is an imported module and may not be bound again")


def _check_act(tree: ast.Module, bound: list[str]) -> None:
    """Require exactly one `def act(observation, logits)` at module level."""
    acts = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "act"]
    if len(acts) != 1 or bound.count("act") != 1:
        raise CandidateFault("ast", f"expected exactly one `def act(observation, logits)`, found {bound.count('act')}")
    args = acts[0].args
    if [a.arg for a in args.args] != ["observation", "logits"] or args.posonlyargs or args.kwonlyargs or args.defaults:
        raise fault_at(acts[0], "expected `def act(observation, logits)` with just these two parameters")
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(acts[0])):
        raise fault_at(acts[0], "act must return an action; it may not be a generator")


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, those of functions inside it left out."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def _check_node(node: ast.AST, modules: dict[str, frozenset[str] | None], known: set[str], docstrings: set[int]) -> None:
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
        case ast.Constant(value=str(text)) if _CONVERSION.search(text) and id(node) not in docstrings:
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
    # A module is used by its attributes alone: as a value it could be passed where the attribute lists do not follow it.
    for child in ast.iter_child_nodes(node) if not isinstance(node, ast.Attribute) else ():
        if isinstance(child, ast.Name) and child.id in modules:
            raise fault_at(child, f"the module {child.id!r} may only be used as {child.id}.name")


def _knows(func: ast.expr, keyword: str) -> bool:
    """Tell whether every interpreter takes a keyword here."""
    return _KEYWORD_HOMES.get(keyword, _called(func)) == _called(func)


def _called(func: ast.expr) -> str:
    """Return the last name of what is called."""
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def _check_views(nodes: list[ast.AST]) -> None:
    """Allow `keys` and `items` as calls without arguments alone: that is what the worker can make ordered."""
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call) and not node.args and not node.keywords}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in ("keys", "items") and id(node) not in called:
            raise fault_at(node, f"use {node.attr} as a call without arguments, `d.{node.attr}()`")


def _check_function(node: ast.FunctionDef | ast.Lambda) -> None:
    """Refuse decorators, `**` parameters, defaults that run code or hold state, annotations that would run code."""
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


def _annotations(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes of the annotations that a node bears: the worker drops them, so their names need not exist."""
    for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        if isinstance(part, ast.expr):
            yield from ast.walk(part)


def _check_annotation(node: ast.expr) -> None:
    """Allow names, their subscripts and unions: nothing that would run code, were it evaluated."""
    for part in ast.walk(node):
        plain = ast.Name | ast.Subscript | ast.Tuple | ast.List | ast.BinOp | ast.BitOr | ast.Load
        constant = isinstance(part, ast.Constant) and (part.value in (None, Ellipsis) or isinstance(part.value, str))
        if not (isinstance(part, plain) or constant):
            raise fault_at(node, "an annotation may only be made of names, '[...]' and '|'")
        if isinstance(part, ast.Name) and "__" in part.id:
            raise fault_at(node, f"the name {part.id!r} is not allowed")


def _check_handler(node: ast.Try | ast.ExceptHandler) -> None:
    """Allow handlers of named, listed exceptions without `as`; `finally` could swallow every other one."""
    if isinstance(node, ast.Try):
        if node.finalbody:
            raise fault_at(node, "'finally' is not allowed")
        return
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    if not all(isinstance(kind, ast.Name) and kind.id in EXCEPTIONS for kind in kinds):
        raise fault_at(node, f"name the exceptions you expect; allowed are {', '.join(sorted(EXCEPTIONS))}")
    if node.name is not None:
        raise fault_at(node, "'except ... as' is not allowed: an exception's text differs between interpreters")

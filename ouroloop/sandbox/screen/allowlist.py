"""The AST layer: everything that is not on a list is refused.

The lists are in `vocabulary`, the rules of the module level in `toplevel`. Two rules carry most of the weight. An attribute is
read only by a name on the list (none begins with an underscore), and a module holds only imports, immutable constants and
functions. Nothing therefore runs at import, and nothing can be remembered between calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ouroloop.protocols.errors import CandidateFault
from ouroloop.protocols.syntax import parse_module, unwarned
from ouroloop.sandbox.screen.imports import fault_at, imports_of
from ouroloop.sandbox.screen.nodes import annotations_of, check_node
from ouroloop.sandbox.screen.toplevel import bindings, check_module, check_module_names, check_operands
from ouroloop.sandbox.screen.vocabulary import BUILTINS, EXCEPTIONS

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


def parse(source: str) -> ast.Module:
    """Return the syntax tree.

    Raises:
        CandidateFault: layer "ast": the source is not Python 3.11, or is nested too deeply.
    """
    try:
        tree = parse_module(source)
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
    """Refuse sources that parse but do not compile, such as `return` outside a function."""
    try:
        with unwarned():
            compile(tree, "controller.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise CandidateFault("ast", f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise CandidateFault("ast", f"the compiler gave up: {type(error).__name__}") from error


def check_tree(tree: ast.Module) -> None:
    """Refuse any construct, name or attribute that is not on the lists.

    Raises:
        CandidateFault: layer "ast", naming the line, the finding and what is allowed.
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
    check_operands(tree)
    _check_act(tree, [name for name, _ in bound])
    known = {name for name, node in bound if not isinstance(node, ast.alias)} | imported | BUILTINS | EXCEPTIONS
    _check_views(nodes)
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    annotations = {id(part) for node in nodes for part in annotations_of(node)}
    for node in nodes:
        if id(node) not in annotations:
            check_node(node, modules, known, docstrings)


def _check_bindings(bound: Iterable[tuple[str, ast.AST]], modules: dict[str, frozenset[str] | None]) -> None:
    """Refuse names with a double underscore, and names that hide an imported module."""
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
    """Yield the nodes of a function's body, except those of functions inside it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def _check_views(nodes: list[ast.AST]) -> None:
    """Allow `keys` and `items` only as calls without arguments, because the worker can put only those in order."""
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call) and not node.args and not node.keywords}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in ("keys", "items") and id(node) not in called:
            raise fault_at(node, f"use {node.attr} as a call without arguments, `d.{node.attr}()`")

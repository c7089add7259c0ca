"""The AST layer: everything that is not on a list is refused.

The lists are in `vocabulary`. Two rules carry most of the weight: an attribute is read only by a name on the list (no
underscore is), and a module holds only imports, immutable constants and functions, so that nothing runs at import and
nothing can be remembered between calls.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterable, Iterator

from ouroboros.protocols.errors import CandidateFault
from ouroboros.sandbox.vocabulary import ANNOTATIONS, BUILTINS, EXCEPTIONS, METHODS, MODULES

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
_BUILTIN_NAMES = frozenset(dir(builtins)) - BUILTINS - EXCEPTIONS - {"_"}


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
        raise _fault(level[0], f"nested more than {AST_DEPTH_CAP} deep")
    return tree


def check_tree(tree: ast.Module) -> None:
    """Refuse any construct, name or attribute that is not on the lists.

    Raises:
        CandidateFault: layer "ast", naming line, finding and what is allowed.
    """
    nodes = list(ast.walk(tree))
    for node in nodes:
        if not isinstance(node, _NODES):
            raise _fault(node, f"{type(node).__name__} is not allowed")
    _check_module(tree)
    modules, imported = _imports(tree)
    bound = list(_bindings(nodes))
    _check_bindings(bound, modules)
    _check_act(tree, [name for name, _ in bound])
    known = {name for name, _ in bound} | imported | BUILTINS | EXCEPTIONS
    for node in nodes:
        _check_node(node, modules, known)


def _fault(node: ast.AST, reason: str) -> CandidateFault:
    """Return the fault of a node, with its line."""
    return CandidateFault("ast", f"line {getattr(node, 'lineno', 1)}: {reason}")


def _check_module(tree: ast.Module) -> None:
    """Allow imports, functions, immutable constants and docstrings at module level, nothing else."""
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name()], value=value) | ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                if not _immutable(value):
                    raise _fault(node, "a module constant must be an immutable literal: number, string, or tuple of those")
            case _:
                raise _fault(node, f"{type(node).__name__} at module level, where only imports, constants, functions may be")
    for inner in (n for top in tree.body if isinstance(top, ast.FunctionDef) for n in ast.walk(top)):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            raise _fault(inner, "an import inside a function; imports stand at the top")


def _immutable(node: ast.expr) -> bool:
    """Whether an expression is a constant that nothing can change and that costs nothing to make."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Tuple(elts=elts):
            return all(map(_immutable, elts))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not() | ast.Invert(), operand=operand):
            return _immutable(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.FloorDiv() | ast.Mod(), right=right):
            return _immutable(left) and _immutable(right)
        case ast.Attribute(value=ast.Name()):
            return True
        case ast.Call(func=ast.Name(id="frozenset"), args=[ast.Tuple() | ast.List() | ast.Set() as value], keywords=[]):
            return all(map(_immutable, value.elts))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() | int() | float())], keywords=[]):
            return True
    return False


def _imports(tree: ast.Module) -> tuple[dict[str, frozenset[str] | None], set[str]]:
    """Return the modules by the name they are bound to (None: any public name), and every name that imports bind."""
    modules: dict[str, frozenset[str] | None] = {}
    imported: set[str] = set()
    allowed: dict[str, frozenset[str] | None] = {**MODULES, "toolkit": None}
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and [a.name for a in node.names] == ["annotations"]:
            continue
        for alias in node.names:
            home = alias.name if isinstance(node, ast.Import) else (node.module or "")
            if home not in allowed or (isinstance(node, ast.ImportFrom) and node.level):
                raise _fault(node, f"import of {home!r}; allowed are {', '.join(sorted(allowed))}")
            bound = alias.asname or alias.name
            if bound in imported:
                raise _fault(node, f"{bound!r} is imported twice")
            imported.add(bound)
            if isinstance(node, ast.Import):
                modules[bound] = allowed[home]
            else:
                _check_member(node, home, alias.name, allowed[home])
    return modules, imported


def _check_member(node: ast.AST, home: str, name: str, allowed: frozenset[str] | None) -> None:
    """Refuse a module's name that is not on its list."""
    if name.startswith("_") or name == "*" or (allowed is not None and name not in allowed):
        listed = "its public functions" if allowed is None else ", ".join(sorted(allowed))
        raise _fault(node, f"{home}.{name} is not allowed; of {home} there are {listed}")


def _bindings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Yield every name that the program binds, but for imported modules, with its node."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                yield name, node
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name, node
            case ast.alias(name=name, asname=asname):
                yield asname or name, node


def _check_bindings(bound: Iterable[tuple[str, ast.AST]], modules: dict[str, frozenset[str] | None]) -> None:
    """Refuse names with a double underscore, and hiding a built-in or an imported module."""
    for name, node in bound:
        if name in _BUILTIN_NAMES or "__" in name:
            raise _fault(node, f"the name {name!r} may not be bound")
        if name in modules and not isinstance(node, ast.alias):
            raise _fault(node, f"{name!r} is an imported module and may not be bound again")


def _check_act(tree: ast.Module, bound: list[str]) -> None:
    """Require exactly one `def act(observation, logits)` at module level."""
    acts = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "act"]
    if len(acts) != 1 or bound.count("act") != 1:
        raise CandidateFault("ast", f"expected exactly one `def act(observation, logits)`, found {bound.count('act')}")
    args = acts[0].args
    if [a.arg for a in args.args] != ["observation", "logits"] or args.posonlyargs or args.kwonlyargs or args.defaults:
        raise _fault(acts[0], "expected `def act(observation, logits)` with just these two parameters")
    if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(acts[0])):
        raise _fault(acts[0], "act must return an action; it may not be a generator")


def _check_node(node: ast.AST, modules: dict[str, frozenset[str] | None], known: set[str]) -> None:
    """Check one node against the lists."""
    match node:
        case ast.Attribute(value=ast.Name(id=home), attr=attr) if home in modules:
            _check_member(node, home, attr, modules[home])
        case ast.Attribute(attr=attr, ctx=ast.Load()) if attr not in METHODS:
            raise _fault(node, f"the attribute {attr!r} is not allowed")
        case ast.Name(id=name, ctx=ast.Load()) if name not in known:
            raise _fault(node, f"the name {name!r} is neither defined here nor an allowed built-in")
        case ast.Constant(value=value) if isinstance(value, bytes | complex):
            raise _fault(node, f"{type(value).__name__} literals are not allowed")
        case ast.FunctionDef() | ast.Lambda():
            _check_function(node)
        case ast.AnnAssign(annotation=annotation):
            _check_annotation(annotation)
        case ast.Try() | ast.ExceptHandler():
            _check_handler(node)
        case ast.keyword(arg=None):
            raise _fault(node, "'**' in a call is not allowed")
        case ast.comprehension(is_async=1):
            raise _fault(node, "async is not allowed")
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        raise _fault(node, f"assignment to the attribute {node.attr!r}; use a local variable")
    # A module is used by its attributes alone: as a value it could be passed where the attribute lists do not follow it.
    for child in ast.iter_child_nodes(node) if not isinstance(node, ast.Attribute) else ():
        if isinstance(child, ast.Name) and child.id in modules:
            raise _fault(child, f"the module {child.id!r} may only be used as {child.id}.name")


def _check_function(node: ast.FunctionDef | ast.Lambda) -> None:
    """Refuse decorators, variadic parameters, defaults that run code or hold state, annotations that run code."""
    args = node.args
    if isinstance(node, ast.FunctionDef):
        if node.decorator_list:
            raise _fault(node, "decorators are not allowed")
        if node.returns is not None:
            _check_annotation(node.returns)
    if args.vararg or args.kwarg:
        raise _fault(node, "'*' and '**' parameters are not allowed")
    for default in (*args.defaults, *args.kw_defaults):
        if default is not None and not _immutable(default):
            raise _fault(default, "a default must be an immutable literal or a name")
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs):
        if arg.annotation is not None:
            _check_annotation(arg.annotation)


def _check_annotation(node: ast.expr) -> None:
    """Allow built-in types, their subscripts and unions: Python 3.11 evaluates annotations."""
    for part in ast.walk(node):
        plain = ast.Subscript | ast.Tuple | ast.List | ast.BinOp | ast.BitOr | ast.Load
        named = isinstance(part, ast.Name) and part.id in ANNOTATIONS
        if not (isinstance(part, plain) or named or (isinstance(part, ast.Constant) and part.value in (None, Ellipsis))):
            raise _fault(node, f"an annotation may only use {', '.join(sorted(ANNOTATIONS))}, None and '|'")


def _check_handler(node: ast.Try | ast.ExceptHandler) -> None:
    """Allow handlers of named, listed exceptions without `as`; `finally` could swallow every other one."""
    if isinstance(node, ast.Try):
        if node.finalbody:
            raise _fault(node, "'finally' is not allowed")
        return
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    if not all(isinstance(kind, ast.Name) and kind.id in EXCEPTIONS for kind in kinds):
        raise _fault(node, f"name the exceptions you expect; allowed are {', '.join(sorted(EXCEPTIONS))}")
    if node.name is not None:
        raise _fault(node, "'except ... as' is not allowed: an exception's text differs between interpreters")

"""What is changed in a controller's program before it runs: nothing that a reader would miss.

Displays of sets keep their order, functions that may call themselves are counted, texts of functions are refused, annotations
are dropped: one interpreter evaluates them and another does not. The names that stand for `values` are ones that the screen
lets nobody use.
"""

from __future__ import annotations

import ast
from typing import Any

import constants
import depth
import values

NAMES: dict[str, Any] = {
    "sum": values.ordered_sum,
    "set": values.OrderedSet,
    "frozenset": values.FrozenOrderedSet,
    "str": values.Text,
    "__set__": values.OrderedSet,
    "__list__": list,
    "__dict__": dict,
    "__keys__": values.keys,
    "__items__": values.items,
    "__plain__": values.plain,
} | constants.KINDS
"""Built-ins that a controller gets in place of the interpreter's."""


def rewritten(source: str, filename: str) -> ast.Module:
    """Return a controller's syntax tree as it will run."""
    tree = ast.parse(source, filename)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module == "typing")]
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    Rewriter(depth.counters(tree), {name for name in constants.KINDS if name not in bound}).visit(tree)
    return ast.fix_missing_locations(tree)


def called(name: str, node: ast.AST, *arguments: ast.expr) -> ast.Call:
    """Return a call in the place of a node."""
    return ast.copy_location(ast.Call(ast.copy_location(ast.Name(name, ast.Load()), node), list(arguments), []), node)


def is_view(node: ast.expr) -> bool:
    """Tell whether an expression asks for a dict's keys or items."""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")
    return named and not (node.args or node.keywords)  # type: ignore[attr-defined]


class Rewriter(ast.NodeTransformer):
    """Changes expressions everywhere.

    Args:
        counters: function -> the name of what counts it.
        kinds: built-in kinds that the program binds nowhere, so that a call of one needs no guard.
    """

    def __init__(self, counters: dict[ast.AST, str], kinds: set[str]) -> None:
        self.counters, self.kinds = counters, kinds

    def visit_Set(self, node: ast.Set) -> ast.AST:
        """Make `{a, b}` a call on the list."""
        self.generic_visit(node)
        return called("__set__", node, ast.copy_location(ast.List(node.elts, ast.Load()), node))

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        """Make `{a for b in c}` a call on the generator."""
        self.generic_visit(node)
        return called("__set__", node, ast.copy_location(ast.GeneratorExp(node.elt, node.generators), node))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Leave a set display, or a view of a dict, right of `in` alone: order does not matter there, and time does."""
        *others, last = node.comparators
        if isinstance(node.ops[-1], (ast.In, ast.NotIn)) and isinstance(last, ast.Set):
            last.elts = [self.visit(element) for element in last.elts]
        elif isinstance(node.ops[-1], (ast.In, ast.NotIn)) and is_view(last):
            last.func.value = self.visit(last.func.value)  # type: ignore[attr-defined]
        else:
            last = self.visit(last)
        node.left, node.comparators = self.visit(node.left), [*map(self.visit, others), last]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Make `d.keys()` and `d.items()` ordered sets and lists, and call `list` and `dict` themselves."""
        self.generic_visit(node)
        if is_view(node):
            return called(f"__{node.func.attr}__", node, node.func.value)  # type: ignore[attr-defined]
        if isinstance(node.func, ast.Name) and node.func.id in self.kinds:
            node.func.id = f"__{node.func.id}__"
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        """Let an f-string hold plain values alone."""
        self.generic_visit(node)
        node.value = called("__plain__", node.value, node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Drop a parameter's annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop a function's annotation, and have it counted if necessary."""
        node.returns = None
        self.generic_visit(node)
        if node in self.counters:
            node.decorator_list.append(ast.copy_location(ast.Name(self.counters[node], ast.Load()), node))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Have a function counted if necessary."""
        self.generic_visit(node)
        return called(self.counters[node], node, node) if node in self.counters else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Drop a variable's annotation."""
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

"""Read a plan back from a controller's syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ouroloop.agents.search.composer import LOGITS, Plan, Proposal, Rank, render
from ouroloop.protocols.syntax import UNREADABLE, parse_module


def read(source: str, actions: int) -> Plan | None:
    """Return the plan that a source was rendered from, or None if no plan renders to it."""
    try:
        tree = parse_module(source)
    except UNREADABLE:
        return None
    act = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "act"), None)
    plan = _plan(act.body) if act else None
    return plan if plan is not None and render(plan, actions) == source else None


def _plan(body: list[ast.stmt]) -> Plan | None:
    """Read the statements of `act`. A loose match does no harm, because `read` compares the rendering."""
    start, filters, proposals = None, [], []
    for statement in body:
        match statement:
            case ast.Assign(value=ast.BoolOp(values=[ast.Call(func=ast.Name(id=name)), _])):
                start = name
            case ast.Assign(value=ast.Call(func=ast.Name(id="keep"), args=[_, _, ast.Name(id=name)])):
                filters.append(name)
            case ast.Assign(value=ast.Call(func=ast.Name(id=name), args=[ast.Name()])):
                proposals.append(Proposal(name))
            case ast.If(test=ast.BoolOp(values=[_, ast.Call(func=ast.Name(id=name))])) if proposals:
                proposals[-1] = Proposal(proposals[-1].move, name)
            case ast.Return(value=ast.Call(keywords=[ast.keyword(value=ast.Lambda(body=key))])):
                ranking, mixed = _read_ranking(key)
                return Plan(start, tuple(filters), tuple(proposals), ranking, mixed) if ranking else None
            case _:
                pass
    return None


def _read_ranking(key: ast.expr) -> tuple[tuple[Rank, ...], bool]:
    if isinstance(key, ast.BinOp):
        return tuple(_summands(key, 1.0)), True
    return tuple(rank for part in (key.elts if isinstance(key, ast.Tuple) else [key]) for rank in _rank(part, 1.0)), False


def _summands(node: ast.expr, sign: float) -> Iterator[Rank]:
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield from _summands(node.left, sign)
            yield from _summands(node.right, -1.0 if isinstance(node.op, ast.Sub) else 1.0)
        case ast.BinOp(op=ast.Mult(), left=ast.Constant(value=int() | float() as factor)):
            yield from _rank(node.right, sign * factor)
        case ast.BinOp(op=ast.Mult(), left=ast.UnaryOp(operand=ast.Constant(value=int() | float() as factor))):
            yield from _rank(node.right, -factor)
        case _:
            return


def _rank(node: ast.expr, factor: float) -> Iterator[Rank]:
    match node:
        case ast.UnaryOp(op=ast.USub()):
            yield from _rank(node.operand, -factor)
        case ast.Subscript(value=ast.Name(id="logits")):
            yield Rank(LOGITS, factor)
        case ast.Call(func=ast.Name(id=name)):
            yield Rank(name, factor)
        case _:
            return

"""What of the library a role can use: entries whose features, or tools, this game has, and that were not tried in this run."""

from __future__ import annotations

import ast

from ouroloop.protocols.messages import Known, PatchRequest, RewardRequest
from ouroloop.protocols.records import RewardSpec
from ouroloop.protocols.syntax import UNREADABLE, parse_module


def usable_rewards(request: RewardRequest) -> list[tuple[Known, RewardSpec]]:
    """Return the library's rewards of this game's features that are neither in use nor tried, the largest gain first.

    A reward that was accepted together with a patch is left to the patchers.
    """
    seen = [request.incumbent, *(one.reward for one in request.tried if one.reward is not None)]
    found = []
    for entry in request.library:
        spec = entry.reward
        if spec is None or entry.source is not None or spec in seen:
            continue
        if all(_features(term.expr) <= request.features.keys() for term in spec.terms):
            seen.append(spec)
            found.append((entry, spec))
    return found


def usable_patches(request: PatchRequest) -> list[tuple[Known, str]]:
    """Return the library's controllers of this game's tools that are neither in use nor tried, the largest gain first."""
    seen = {request.source, *(one.source for one in request.tried if one.source is not None)}
    tools = {tool.name for tool in request.toolkit}
    found = []
    for entry in request.library:
        source = entry.source
        if source is not None and source not in seen and _tools(source) <= tools:
            seen.add(source)
            found.append((entry, source))
    return found


def told(entry: Known) -> str:
    """Return where an entry comes from, and what it gained there."""
    return f"accepted in {entry.run} ({entry.task}), where it gained {entry.effect:+.3f}"


def _features(expression: str) -> set[str]:
    """Return the names in an expression that are no functions."""
    nodes = _nodes(expression)
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}


def _tools(source: str) -> set[str]:
    """Return the toolkit functions that a controller imports."""
    return {alias.name for node in _nodes(source) if isinstance(node, ast.ImportFrom) for alias in node.names}


def _nodes(source: str) -> list[ast.AST]:
    """Return the nodes of a source; none if it cannot be read, which the screen then says."""
    try:
        return list(ast.walk(parse_module(source.strip())))
    except UNREADABLE:
        return []

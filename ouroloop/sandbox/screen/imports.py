"""The imports of a controller: which modules and names it may use."""

from __future__ import annotations

import ast

from ouroloop.protocols.errors import CandidateFault
from ouroloop.sandbox.screen.vocabulary import MODULES, TYPING


def fault_at(node: ast.AST, reason: str) -> CandidateFault:
    """Return the fault of a node, with its line."""
    return CandidateFault("ast", f"line {getattr(node, 'lineno', 1)}: {reason}")


def imports_of(tree: ast.Module) -> tuple[dict[str, frozenset[str] | None], set[str]]:
    """Return the modules by the name they are bound to (None: any public name), and every name that imports bind."""
    modules: dict[str, frozenset[str] | None] = {}
    imported: set[str] = set()
    origins: dict[str, tuple[str, str]] = {}
    allowed: dict[str, frozenset[str] | None] = {**MODULES, "toolkit": None, "typing": TYPING}
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
        if future and [(alias.name, alias.asname) for alias in node.names] == [("annotations", None)]:
            continue
        for alias in node.names:
            home = alias.name if isinstance(node, ast.Import) else (node.module or "")
            if home == "typing" and isinstance(node, ast.Import):
                raise fault_at(node, "write `from typing import ...` with the names that you need")
            if home not in allowed or (isinstance(node, ast.ImportFrom) and node.level):
                raise fault_at(node, f"import of {home!r}; allowed are {', '.join(sorted(allowed))}")
            bound = alias.asname or alias.name
            if bound in imported and origins.get(bound) != (home, alias.name):
                raise fault_at(node, f"{bound!r} is imported twice")
            origins[bound] = (home, alias.name)
            if home == "typing":
                check_member(node, home, alias.name, TYPING)  # for annotations alone: it does not exist as a value
                continue
            imported.add(bound)
            if isinstance(node, ast.Import):
                modules[bound] = allowed[home]
            else:
                check_member(node, home, alias.name, allowed[home])
    return modules, imported


def check_member(node: ast.AST, home: str, name: str, allowed: frozenset[str] | None) -> None:
    """Refuse a module's name that is not on its list."""
    if name.startswith("_") or name == "*" or (allowed is not None and name not in allowed):
        listed = "its public functions" if allowed is None else ", ".join(sorted(allowed))
        raise fault_at(node, f"{home}.{name} is not allowed; of {home} there are {listed}")

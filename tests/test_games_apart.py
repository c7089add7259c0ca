"""A game is known by its port: outside `envs/snake` no module names Snake's features, columns, causes or toolkit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ouroloop
from ouroloop.envs.snake.encodings import ENCODINGS
from ouroloop.envs.snake.task import SnakeTask

PACKAGE = Path(ouroloop.__file__).parent
ROOMS = ("agents", "gate", "ledger", "policy", "protocols", "rewards", "runs", "sandbox")
WORDS = {
    "idle": "a kind of ending, in the port",
    "won": "a kind of ending, in the port",
    "trapped": "a finding of the critic, from the port's `Ending.trap`",
    "length": "of a list of numbers, in a file of lessons",
    "left": "of text, where padding stands",
    "json": "the format, and a way to perceive",
    "ascii": "a way to perceive",
    "body": "of a policy that sees: its model without what folds latents",
    "path": "of a file",
}
"""Names of Snake's that mean something else elsewhere, and what."""
EXCEPTIONS = {
    "sandbox/probes.py": "observations of the usual form, which the sandbox's own checks are made with",
    "sandbox/conformance.py": "controllers that read those",
}


def named() -> set[str]:
    """Return what only Snake calls so."""
    task = SnakeTask(6)
    seen = task.positions(1, 2).observations()
    tools = {tool.name for tool in task.toolkit}
    words = {*task.features, *seen.columns, *seen.constants, *task.causes, *task.actions, *ENCODINGS, *tools}
    return words - {*WORDS, "right", "step"}


def spoken(source: str) -> Iterator[tuple[int, str]]:
    """Give the strings of a module, docstrings apart, each with its line."""
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def modules() -> list[Path]:
    """Return the modules that know a game by its port alone."""
    found = sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))
    assert len(found) > 100
    return found


def test_no_room_names_what_only_snake_calls_so() -> None:
    words = named()
    assert {"ate", "board", "food", "starved", "wall", "safe_moves", "size", "up"} <= words
    found = [
        f"{place}:{line}: {text!r}"
        for path in modules()
        if (place := path.relative_to(PACKAGE).as_posix()) not in EXCEPTIONS
        for line, text in spoken(path.read_text(encoding="utf-8"))
        if text in words
    ]
    assert found == []


def test_the_exceptions_are_needed() -> None:
    words = named()
    for place in EXCEPTIONS:
        assert any(text in words for _, text in spoken((PACKAGE / place).read_text(encoding="utf-8"))), place


def test_no_room_says_four_where_it_means_the_actions() -> None:
    """The number of actions comes from the task: no `range(4)`, no fixed shape `(n, 4)`, no `"0123"`."""
    found = []
    for path in modules():
        place = path.relative_to(PACKAGE).as_posix()
        if place in EXCEPTIONS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _counts_four(node):
                found.append(f"{place}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def _counts_four(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value == "0123"
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        shaped = [part for argument in node.args for part in (argument.elts if isinstance(argument, ast.Tuple) else [argument])]
        four = any(isinstance(part, ast.Constant) and part.value == 4 and type(part.value) is int for part in shaped)
        return four and name in ("range", "zeros", "ones", "empty", "full", "reshape", "broadcast_to", "eye")
    return False

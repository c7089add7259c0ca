"""Docstrings in Google's style, taken apart for the generated pages."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

SECTION: Final = re.compile(r"^(Args|Attributes|Raises|Returns|Source|Sources):\n", re.MULTILINE)
ITEM: Final = re.compile(r"^(\w+): ", re.MULTILINE)
WIDTH: Final = 120
"""Characters of a line of prose."""


@dataclass(frozen=True, slots=True)
class Doc:
    """A docstring's parts.

    Args:
        text: what comes before the sections, as Markdown.
        sections: name of a section -> its items, name -> text.
    """

    text: str
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def doc_of(thing: Any) -> Doc:
    """Return the docstring of a class or function, taken apart; empty if it has none of its own."""
    own = thing.__doc__ if isinstance(thing, type) else inspect.getdoc(thing)
    text, *rest = SECTION.split(inspect.cleandoc(own or ""))
    sections = {name: _items(body) for name, body in zip(rest[::2], rest[1::2], strict=True)}
    return Doc(wrapped(text), sections)


def field_docs(model: type) -> dict[str, str]:
    """Return field -> what the class says of it: below the field, or under `Args` or `Attributes`."""
    sections = doc_of(model).sections
    found = {**sections.get("Args", {}), **sections.get("Attributes", {})}
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for node, below in pairwise(body):
        said = below.value if isinstance(below, ast.Expr) else None
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(said, ast.Constant):
            found[node.target.id] = " ".join(str(said.value).split())
    return found


def wrapped(text: str) -> str:
    """Return paragraphs of at most 120 characters a line; an indented one becomes a block of code."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]
    return "\n\n".join(_paragraph(part) for part in paragraphs)


def _paragraph(part: str) -> str:
    if part.startswith("    "):
        return f"```\n{textwrap.dedent(part)}\n```"
    if part.lstrip().startswith("- "):
        return part
    return textwrap.fill(" ".join(part.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def _items(body: str) -> dict[str, str]:
    """Return the items of a section; a section without names is one item without a name."""
    _, *found = ITEM.split(textwrap.dedent(body))
    if not found:
        return {"": " ".join(body.split())}
    return {name: " ".join(text.split()) for name, text in zip(found[::2], found[1::2], strict=True)}

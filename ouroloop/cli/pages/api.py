"""The page on the Python names, `docs/api.md`: what `import ouroloop` offers, and the ports that plug-ins keep to.

`python -m ouroloop.cli.pages.api > docs/api.md` writes it from the docstrings; a test fails when they differ.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import click

from ouroloop.inspect.pages.docstrings import doc_of, field_docs
from ouroloop.inspect.pages.markdown import table
from ouroloop.protocols import ports
from ouroloop.sandbox.choose import sandbox

HEAD: Final = """\
# Python names

`python -m ouroloop.cli.pages.api > docs/api.md` writes this page from the docstrings.

## What `import ouroloop` offers

[Ouroloop from Python](python.md) shows these at work.
"""
PORTS: Final = """
## Ports

A port is a structural type (`ouroloop/protocols/ports.py`): what implements it inherits nothing. `B` is a number of
games or positions, `A` of actions, `F` of features.
"""
ELSEWHERE: Final = {"Recipe": "[The page on recipes](recipe.md) lists its tables and keys."}
"""Name -> where its members are described."""


def page() -> str:
    """Return the page."""
    face = import_module("ouroloop")  # by name: `ouroloop` itself imports the face, which stands on the commands' own floor
    names = [name for name in face.__all__ if not name.startswith("__")]
    public = {name: sandbox if name == "sandbox" else getattr(face, name) for name in names}
    found = {name: port for name, port in vars(ports).items() if getattr(port, "_is_protocol", False) and _own(port)}
    parts = [HEAD, *(_section(*pair) for pair in public.items()), PORTS, *(_section(*pair) for pair in found.items())]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _own(thing: Any) -> bool:
    return bool(thing.__module__ == ports.__name__)


def _section(name: str, thing: Any) -> str:
    doc = doc_of(thing)
    parts = [f"### {name}"]
    if not isinstance(thing, type):
        parts.append(f"```python\n{_signature(name, thing)}\n```")
    parts.append(doc.text)
    if name in ELSEWHERE:
        parts.append(ELSEWHERE[name])
    elif isinstance(thing, type):
        parts.extend(_members(thing))
    else:
        parts.extend(_rows(doc.sections.get(section, {}), head) for section, head in _heads(doc.sections))
    return "\n\n".join(part for part in parts if part)


def _heads(sections: Any) -> Iterator[tuple[str, str]]:
    heads = {"Args": "argument", "Raises": "raises"}
    yield from ((name, heads[name]) for name in heads if name in sections)


def _rows(items: Any, head: str) -> str:
    return table((head, "meaning"), dict(items))


def _members(thing: type) -> Iterator[str]:
    """Yield a class's attributes as a table, then its methods, each with what it does."""
    said = field_docs(thing) | {
        name: " ".join(doc_of(value.fget).text.split()) for name, value in vars(thing).items() if isinstance(value, property)
    }
    names = [name for name in {**inspect.get_annotations(thing), **said} if not name.startswith("_")]
    if names:
        yield _rows({name: said.get(name, "") for name in names}, "attribute")
    for name, value in vars(thing).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            doc = doc_of(value)
            yield f"```python\n{_signature(name, value)}\n```"
            yield doc.text
            yield from (_rows(doc.sections[section], head) for section, head in _heads(doc.sections))


def _signature(name: str, function: Any) -> str:
    """Return a signature as Python writes it, broken after each argument where it is long."""
    found = inspect.signature(function)
    shown = found.replace(parameters=[one for one in found.parameters.values() if one.name != "self"])
    text = re.sub(r"'([^']*)'", r"\1", f"{name}{shown}")
    return text if len(text) < 110 else re.sub(r", (?=\*?\*?\w+[:,])", ",\n    ", text).replace("(", "(\n    ", 1)


if __name__ == "__main__":
    click.echo(page(), nl=False)

"""Checks the keys of a recipe: an error names an unknown key and the nearest known one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel

from ouroloop.envs.registry import TaskSettings
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.numbers import not_a_number

Path: TypeAlias = tuple[str, ...]


def check_keys(tree: Mapping[str, Any], model: type[BaseModel], source: str) -> None:
    """Refuse a parsed file with a key that the model does not know.

    Raises:
        UsageError: names the first unknown key and the nearest known one, both with their tables (`sft.stepz`, `sft.steps`).
    """
    for path, table in _unknown(tree, model, ()):
        near = _nearest(path, table, model)
        hint = f"did you mean {'.'.join(near)}?" if near else f"known keys: {', '.join(sorted(table.model_fields))}"
        raise UsageError(f"{source}: unknown key {'.'.join(path)}; {hint}")


def check_numbers(tree: Mapping[str, Any], model: type[BaseModel], source: str, where: Path = ()) -> None:
    """Refuse a truth value, a text or NaN where a number belongs; raises UsageError, which names the key."""
    if issubclass(model, TaskSettings):
        return
    for key, value in tree.items():
        if inner := _table(model, key):
            for table, path in _tables(value, (*where, key)):
                check_numbers(table, inner, source, path)
        elif said := not_a_number(value, model.model_fields[key].annotation):
            raise UsageError(f"{source}: {'.'.join((*where, key))}: expected a number, found {said}")


def _unknown(tree: Mapping[str, Any], model: type[BaseModel], where: Path) -> Iterator[tuple[Path, type[BaseModel]]]:
    """Yield each unknown key with the model of its table; a game checks its own table."""
    if issubclass(model, TaskSettings):
        return
    for key, value in tree.items():
        if key not in model.model_fields:
            yield (*where, key), model
        elif inner := _table(model, key):
            for table, path in _tables(value, (*where, key)):
                yield from _unknown(table, inner, path)


def _tables(value: object, where: Path) -> Iterator[tuple[Mapping[str, Any], Path]]:
    """Yield a table, or each table of a list, with its path; a person counts the tables of a list from 1."""
    if isinstance(value, Mapping):
        yield value, where
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value, 1):
            if isinstance(one, Mapping):
                yield one, (*where, str(place))


def _nearest(path: Path, table: type[BaseModel], model: type[BaseModel]) -> Path | None:
    """Return the same key in another table, or else the most similar key of this table and its subtables."""
    *where, key = path
    same = {".".join(known): known for known in _paths(model, 9) if known[-1] == key}
    if found := difflib.get_close_matches(".".join(path), same, 1, 0.0):
        return same[found[0]]
    own = {".".join(known): known for known in _paths(table, 2)}
    found = difflib.get_close_matches(key, own, 1, 0.4)
    return (*where, *own[found[0]]) if found else None


def _paths(model: type[BaseModel], depth: int) -> Iterator[Path]:
    """Yield the keys of a table and of its subtables, down to the given depth."""
    for name in (name for name, field in model.model_fields.items() if not field.exclude):
        yield (name,)
        if depth > 1 and (inner := _table(model, name)):
            yield from ((name, *rest) for rest in _paths(inner, depth - 1))


def _table(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return the model of a field that is a table, even an optional one; None for any other field."""
    annotation = model.model_fields[name].annotation
    options = (annotation, *get_args(annotation))  # a list's is its entries'
    return next((one for one in options if isinstance(one, type) and issubclass(one, BaseModel)), None)

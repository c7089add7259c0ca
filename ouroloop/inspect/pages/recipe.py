"""The recipe reference, `docs/recipe.md`. Types, defaults and bounds come from the models, meanings from `meanings`.

`python -m ouroloop.inspect.pages.recipe > docs/recipe.md` writes it; a test fails when the file and the models differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ouroloop.envs.registry import TaskSettings, find_game
from ouroloop.inspect.pages.meanings import KEYS, SAME, TABLES
from ouroloop.runs.recipe import Recipe

HEAD = """\
# Recipes

A recipe is one TOML file that describes a run completely. Every key has a default, and an unknown key is an error that
names the nearest known one. `--set` on the command line wins over the file: `--set sft.steps=300`.

```toml
name = "mine"

[task]
size = 8

[roles.code_patcher]
use = "examples/cautious_patcher.py:CautiousPatcher"

[budget]
rounds = 6
```

The resolved recipe, with every value spelled out, lies in the run's directory. Once a run has begun, only `budget.*`
and `approve` can change. `python -m ouroloop.inspect.pages.recipe > docs/recipe.md` writes this page from the models.
"""
SIGNS = ((Ge, "ge", ">="), (Gt, "gt", ">"), (Le, "le", "<="), (Lt, "lt", "<"), (MultipleOf, "multiple_of", "a multiple of"))
"""Constraint -> the attribute that holds its bound, and its sign."""


def reference() -> str:
    """Return the page."""
    parts = [HEAD]
    for table, model in tables(Recipe):
        if table in SAME:
            if model is not find_table(SAME[table]):
                raise AssertionError(f"[{table}] does not have the keys of [{SAME[table]}]")
            continue
        title = f"`[{table}]`" if table else "Top level"
        rows = [_row(table, name, field) for name, field in _fields(model) if _inner(field) is None]
        if rows:
            parts.append("\n".join([f"## {title}", "", _about(table), "", "| key | type | default | bounds | meaning |",
                                    "|---|---|---|---|---|", *rows, ""]))  # fmt: skip
    return "\n".join(parts)


def tables(model: type[BaseModel], where: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every table of a recipe with its model, outermost first."""
    yield where, model
    for name, field in _fields(model):
        if (inner := _inner(field)) is not None:
            yield from tables(inner, f"{where}.{name}".lstrip("."))


def keys() -> Iterator[str]:
    """Yield every key of a recipe that needs a meaning of its own."""
    for table, model in tables(Recipe):
        if table not in SAME:
            yield from (f"{table}.{name}".lstrip(".") for name, field in _fields(model) if _inner(field) is None)


def find_table(table: str) -> type[BaseModel]:
    """Return the model of a table."""
    return dict(tables(Recipe))[table]


def _about(table: str) -> str:
    """Return what a table is about, and on a line of its own the tables that have the same keys."""
    same = ", ".join(f"`[{name}]`" for name, known in SAME.items() if known == table)
    return TABLES.get(table, "") + (f"\nThe same keys: {same}." if same else "")


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the keys of a table; those of `[task]` are the name and Snake's own settings."""
    if issubclass(model, TaskSettings):
        yield "name", model.model_fields["name"]
        yield from find_game(str(model.model_fields["name"].default)).Settings.model_fields.items()
        return
    yield from model.model_fields.items()


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a table."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _row(table: str, name: str, field: FieldInfo) -> str:
    key = f"{table}.{name}".lstrip(".")
    default = "" if (value := field.get_default(call_default_factory=True)) is None else f"`{_toml(value)}`"
    return f"| `{name}` | {_kind(field.annotation)} | {default} | {_bounds(field)} | {KEYS.get(key, field.description or '')} |"


def _toml(value: Any) -> str:
    if isinstance(value, frozenset):
        value = sorted(value)
    return json.dumps(value)


def _kind(annotation: Any) -> str:
    """Return a type in words."""
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in get_args(annotation))
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if annotation in words:
        return words[annotation]
    options = [kind for kind in get_args(annotation) if kind not in (NoneType, Ellipsis)]
    if get_origin(annotation) in (tuple, frozenset):
        return f"list of {_kind(options[0])}"
    return "table" if get_origin(annotation) is dict else " or ".join(dict.fromkeys(_kind(kind) for kind in options))


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{sign} {getattr(rule, name):g}" if abs(getattr(rule, name)) < 1 << 60 else "below 2^63"
        for rule in field.metadata
        for kind, name, sign in SIGNS
        if isinstance(rule, kind)
    ]
    pattern = next((f"`{rule.pattern}`" for rule in field.metadata if getattr(rule, "pattern", None)), None)
    return ", ".join([*found, *([pattern] if pattern else [])])


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201  (the page goes to stdout)

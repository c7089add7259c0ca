"""The page on the protocol, `docs/protocol.md`: what each method of a role is given, and what it returns.

`python -m ouroloop.inspect.pages.protocol > docs/protocol.md` writes it from the messages; a test fails when they differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ouroloop.inspect.pages.docstrings import doc_of, field_docs
from ouroloop.inspect.pages.markdown import table
from ouroloop.protocols.messages import METHODS, PatchRequest, RewardRequest

HEAD: Final = """\
# The protocol of roles

A role answers one method of JSON-RPC. Its request and its reply are records, which travel as JSON. A
[role of your own](how-to/own-role.md) gets the request as an object and returns the reply as one.

| method | asked of | request | reply |
|---|---|---|---|
{methods}

`ouroloop protocol` prints the same as an OpenRPC document, with a JSON Schema of each record.
`python -m ouroloop.inspect.pages.protocol > docs/protocol.md` writes this page from the records.

A field without a default must be there. An unknown field is an error.
"""
ASKED: Final = {"reward.design": "the reward designer", "patch.propose": "the code patcher", "critic.diagnose": "the critic"}
WORDS: Final = {str: "text", int: "whole number", float: "number", bool: "true or false"}
SIGNS: Final = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"), ("max_length", "at most"), ("min_length", "at least"))
"""Attribute of a constraint -> its sign."""
ALIKE: Final[dict[type[BaseModel], type[BaseModel]]] = {PatchRequest: RewardRequest}
"""Record -> another whose fields of the same names mean the same."""


def page() -> str:
    """Return the page."""
    methods = "\n".join(
        f"| `{name}` | {ASKED[name]} | {_link(asked)} | {_link(reply)} |" for name, (asked, reply) in METHODS.items()
    )
    ends = [model for pair in METHODS.values() for model in pair]
    inner = dict.fromkeys(found for model in ends for found in _within(model) if found not in ends)
    parts = [HEAD.format(methods=methods), "## Requests and replies", *map(_section, ends)]
    return "\n\n".join([*parts, "## Records in them", *map(_section, inner)]).replace("\n\n\n", "\n\n") + "\n"


def _section(model: type[BaseModel]) -> str:
    said = field_docs(ALIKE[model]) | field_docs(model) if model in ALIKE else field_docs(model)
    rows = {name: _row(field, said.get(name, "")) for name, field in model.model_fields.items()}
    return f"### {model.__name__}\n\n{doc_of(model).text}\n\n" + table(("field", "type", "default", "bounds", "meaning"), rows)


def _row(field: FieldInfo, said: str) -> tuple[str, ...]:
    return (_kind(field.annotation), _default(field), _bounds(field), said)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    return "its defaults" if isinstance(value, BaseModel) else f"`{json.dumps(value)}`"


def _bounds(field: FieldInfo) -> str:
    found = [f"{sign} {getattr(rule, name):g}" for rule in field.metadata for name, sign in SIGNS if hasattr(rule, name)]
    return ", ".join(found)


def _kind(annotation: Any) -> str:
    """Return a type in words; a record is a link to its table."""
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _link(annotation)
    if annotation in WORDS:
        return WORDS[annotation]
    arguments = [kind for kind in get_args(annotation) if kind not in (NoneType, Ellipsis)]
    if get_origin(annotation) is tuple:
        return f"list of {_kind(arguments[0])}"
    if get_origin(annotation) is dict:
        return f"table: {_kind(arguments[0])} to {_kind(arguments[1])}"
    return " or ".join(dict.fromkeys(_kind(kind) for kind in arguments if not hasattr(kind, "max_length")))


def _link(model: type[BaseModel]) -> str:
    return f"[{model.__name__}](#{model.__name__.lower()})"


def _within(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield the records that a record holds, each before what it holds itself."""
    for field in model.model_fields.values():
        for found in _models(field.annotation):
            yield found
            yield from _within(found)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  (the page goes to stdout)

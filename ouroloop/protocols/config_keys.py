"""The keys of a role's config: what a person may set, told from its pydantic model."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from ouroloop.protocols.canonical import Json
from ouroloop.protocols.text import did_you_mean, plain_line

SIGNS: Final = {
    "ge": ">=",
    "gt": ">",
    "le": "<=",
    "lt": "<",
    "min_length": "length >=",
    "max_length": "length <=",
    "pattern": "like",
}
"""A bound of pydantic's -> how it is written."""


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key: its name, type, default (None if it must be given), whether it must be given, and one line about it."""

    key: str
    type: str
    default: Json
    required: bool
    doc: str


def config_keys(config: type[BaseModel]) -> list[ConfigKey]:
    """Return the keys of a config, in the order of its model."""
    docs: dict[str, str] = {}
    for known in reversed(config.__mro__):  # a config may add keys to another's
        docs |= _args(inspect.cleandoc(known.__doc__ or ""))
    found = []
    for name, field in config.model_fields.items():
        required = field.is_required()
        default = None if required else field.get_default(call_default_factory=True, validated_data={})
        value: Json = None if default is PydanticUndefined else to_jsonable_python(default, fallback=str)
        doc = plain_line(field.description or docs.get(name, ""))
        found.append(ConfigKey(field.alias or name, _type(field.annotation, field.metadata), value, required, doc))
    return found


def unknown_key(config: type[BaseModel], given: Iterable[str]) -> str:
    """Return what is wrong with the keys of a config, with the nearest known one; empty if all are known, or any may be."""
    fields = config.model_fields.items()
    renamed = any(field.validation_alias not in (None, field.alias) for _, field in fields)
    if config.model_config.get("extra") == "allow" or renamed:
        return ""
    known = [key for name, field in fields for key in {name, field.alias or name}]
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known)
            listed = f"known keys: {', '.join(sorted(known))}" if known else "it has no keys"
            return f"{plain_line(key, 60)}: unknown key; {hint}{listed}"
    return ""


def _type(annotation: object, bounds: Iterable[object]) -> str:
    """Return a type as a person writes it, with its bounds."""
    name = annotation.__name__ if isinstance(annotation, type) and not getattr(annotation, "__args__", ()) else str(annotation)
    limits = [_bound(bound) for bound in bounds]
    return plain_line(re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", name) + "".join(f", {limit}" for limit in limits if limit), 120)


def _bound(bound: object) -> str:
    said = [f"{sign} {value}" for name, sign in SIGNS.items() if (value := getattr(bound, name, None)) is not None]
    return ", ".join(said)


def _args(doc: str) -> dict[str, str]:
    """Return the `Args` section of a docstring in Google's style: name -> description."""
    _, _, section = doc.partition("Args:\n")
    section = re.split(r"\n\n?(?=\S)", section)[0]
    entries = re.findall(r"^ {4}(\w+)(?: \([^)]*\))?: (.*(?:\n {8,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}

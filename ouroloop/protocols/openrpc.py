"""The OpenRPC 1.3 document of the methods that a role can answer.

Each schema in it is whole: records that it contains are written out where they occur. A `$ref` would have to resolve both in
the document and in a schema that is taken out of it, and `#/$defs/...` does the second alone.
"""

from __future__ import annotations

from typing import Final, cast

from pydantic import BaseModel

from ouroloop.protocols.canonical import Json, JsonObject
from ouroloop.protocols.messages import METHODS
from ouroloop.version import __version__

DEFINITIONS: Final = "#/$defs/"
"""Where pydantic's references point."""


def document() -> JsonObject:
    """Return the OpenRPC document: one entry per method, with its params and result as JSON Schema."""
    methods: list[Json] = []
    for name, (params, result) in METHODS.items():
        schema = schema_of(params)
        required = set(cast("list[str]", schema.get("required", [])))
        methods.append(
            {
                "name": name,
                "summary": (params.__doc__ or "").strip().splitlines()[0],
                "paramStructure": "by-name",
                "params": [
                    {"name": key, "required": key in required, "schema": value}
                    for key, value in cast("JsonObject", schema["properties"]).items()
                ],
                "result": {"name": result.__name__, "schema": schema_of(result)},
            }
        )
    return {"openrpc": "1.3.2", "info": {"title": "Ouroloop roles", "version": __version__}, "methods": methods}


def schema_of(model: type[BaseModel]) -> JsonObject:
    """Return a model's JSON Schema without references. The messages hold no record that contains itself."""
    schema: JsonObject = model.model_json_schema()
    known = cast("JsonObject", schema.pop("$defs", {}))
    return cast("JsonObject", _whole(schema, known))


def _whole(value: Json, known: JsonObject) -> Json:
    """Return a part of a schema with each reference replaced by what it refers to; keys beside a reference win."""
    if isinstance(value, list):
        return [_whole(part, known) for part in value]
    if not isinstance(value, dict):
        return value
    whole = {key: _whole(part, known) for key, part in value.items() if key != "$ref"}
    if "$ref" not in value:
        return whole
    return {**cast("JsonObject", _whole(known[str(value["$ref"]).removeprefix(DEFINITIONS)], known)), **whole}

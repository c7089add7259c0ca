"""The OpenRPC 1.3 document of the methods that a role can answer."""

from __future__ import annotations

from ouroloop.protocols.canonical import Json, JsonObject
from ouroloop.protocols.messages import METHODS
from ouroloop.version import __version__


def document() -> JsonObject:
    """Return the OpenRPC document: one entry per method, with its params and result as JSON Schema."""
    methods: list[Json] = []
    for name, (params, result) in METHODS.items():
        schema = params.model_json_schema()
        required = set(schema.get("required", ()))
        methods.append(
            {
                "name": name,
                "summary": (params.__doc__ or "").strip().splitlines()[0],
                "paramStructure": "by-name",
                "params": [
                    {"name": key, "required": key in required, "schema": _inline(value, schema)}
                    for key, value in schema["properties"].items()
                ],
                "result": {"name": result.__name__, "schema": result.model_json_schema()},
            }
        )
    return {"openrpc": "1.3.2", "info": {"title": "Ouroloop roles", "version": __version__}, "methods": methods}


def _inline(value: JsonObject, schema: JsonObject) -> JsonObject:
    """Give a property its own copy of the shared definitions, so that each schema stands alone."""
    return {**value, "$defs": schema["$defs"]} if "$defs" in schema and "$ref" in str(value) else value

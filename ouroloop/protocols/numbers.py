"""Refuse booleans, text and NaN where a number belongs; pydantic would take some of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args


def not_a_number(value: object, annotation: object) -> str | None:
    """Return what a value is, if its field takes numbers alone and the value is no finite number; None if it fits.

    Args:
        value: a TOML or JSON value.
        annotation: the field's type.
    """
    if not {int, float}.intersection(kinds := set(_kinds(annotation))) or kinds.intersection({bool, str}):
        return None
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return f"{value}" if isinstance(value, float) and not math.isfinite(value) else None


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type itself."""
    if isinstance(annotation, type):
        yield annotation
        return
    for inner in get_args(annotation) or (type(annotation),):
        yield from _kinds(inner) if not isinstance(inner, (str, int, float)) else (type(inner),)

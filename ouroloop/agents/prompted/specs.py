"""From a model's reply to the reward spec in it.

A spec whose form is mended (`objects`) is rewritten as plain JSON. Nothing else is decided here: a reply with no spec, with
several, or with parts of one beside it, goes to the screen as it is, with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from ouroloop.agents.prompted.objects import Found, Reader, is_sketch, objects
from ouroloop.agents.search.evidence import generator
from ouroloop.agents.spaces import LossSpace, RewardSpace
from ouroloop.protocols.jsonrpc import one_line

NO_SPEC: Final = "the reply holds no reward spec: send one JSON object with `terms`"
CUT_OFF: Final = "the spec is cut off: its last brace is missing"
SEVERAL: Final = "found 2 reward specs: send one JSON object"
BESIDE: Final = "a part of a spec stands outside of the spec: send one JSON object, closed after its last key"
_TERMS: Final = re.compile(r"\bterms\b[^\w\s:,{}\[\]]{0,3}+\s*+:")
_PIECE: Final = re.compile(r"\b(gamma_r|anneal|loss|expr|weight)\b[^\w\s:,{}\[\]]{0,3}+\s*+:")
"""The key of a spec, and those that are found in its parts."""
_NUMBERED: Final = re.compile(r":\s*+[-+]?+\.?+\d")
"""A value that is a number. A sketch with one may correct the spec that stands before it."""


def find_spec(text: str) -> tuple[str, str | None]:
    """Return the one reward spec of an answer as plain JSON, and None; else the answer as it is, and what is wrong with it."""
    reader = Reader()
    spec: dict[str, Any] = {}
    forms: list[tuple[str, str]] = []
    pieces: list[dict[str, Any] | None] = []
    """What holds keys of a spec without being one; None if it cannot be read."""
    seen = set[Found]()
    for one in objects(text):
        wanted = "terms" in one.body or (None not in pieces and _PIECE.search(one.body) is not None)
        if not one.closed and (wanted or one.cut_off or _PIECE.search(one.body)):
            return text, CUT_OFF
        if not wanted or not one.closed or one in seen:
            continue
        seen.add(one)
        try:
            specs, parts = _within(reader.read(one.body))
            if len({_essence(each) for each in (*specs, *([spec] if spec else []))}) > 1:
                return text, SEVERAL
        except (ValueError, RecursionError) as error:
            fault = f"spec is not JSON: {error}"
            sketch = is_sketch(one.body) and not (spec and _NUMBERED.search(one.body))
            if _TERMS.search(one.body) and not sketch:
                return one.body, fault
            forms += [(one.body, fault)] if "terms" in one.body else []
            pieces += [None] if _is_piece(_PIECE.findall(one.body)) and not sketch else []
            continue
        spec = next(iter(specs), spec)
        pieces += [*parts, *([None] if specs and one.goes_on else [])]
    if not spec:
        return next(iter(forms), (text, NO_SPEC))
    if not all(piece is not None and _repeats(piece, spec) for piece in pieces):
        return text, BESIDE
    return json.dumps(spec), None


def _within(value: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the objects with a key `terms`, at any depth, and those around or beside them that hold keys of a spec."""
    specs, pieces, left = list[dict[str, Any]](), list[dict[str, Any]](), [value]
    while left:
        one = left.pop()
        if isinstance(one, dict) and "terms" in one:
            specs.append(one)
        elif isinstance(one, dict):
            pieces += (
                [one] if _is_piece(key for key in one if key not in ("anneal", "loss") or isinstance(one[key], dict)) else []
            )
            left += one.values()
        elif isinstance(one, list):
            left += one
    return specs, pieces


def _is_piece(keys: Iterable[str]) -> bool:
    """Tell whether keys are those of a spec, or of a term."""
    found = set(keys)
    return not found.isdisjoint(("gamma_r", "anneal", "loss")) or {"expr", "weight"} <= found


def _repeats(piece: dict[str, Any], spec: dict[str, Any]) -> bool:
    """Tell whether a piece only says once more what the spec, or a term of it, says."""
    parts = [spec, *(spec["terms"] if isinstance(spec["terms"], list) else [])]
    return any(isinstance(part, dict) and all(key in part and part[key] == piece[key] for key in piece) for part in parts)


def _essence(spec: dict[str, Any]) -> str:
    """Return what two specs have in common if they differ only in the order of keys or in `1` for `1.0`."""
    return json.dumps(json.loads(json.dumps(spec), parse_int=float), sort_keys=True)


def one_spec(text: str) -> tuple[str, str | None]:
    """Return the one reward spec of an answer, and what is wrong with it; a range in it is, since nobody asked for a space."""
    body, fault = find_spec(text)
    ranges = _ranges(json.loads(body)) if fault is None else []
    return body, f"{ranges[0]} is a range, give one number" if ranges else fault


def drawn_specs(text: str, count: int, seed: int) -> list[tuple[str, str | None]]:
    """Return specs drawn from the space of rewards in an answer, each with what is wrong with it.

    Args:
        text: the answer. A spec without ranges is returned as it is, since all draws would be the same.
        count: the number of draws.
        seed: of the draws.
    """
    body, fault = find_spec(text)
    if fault is not None or not _ranges(json.loads(body)):
        return [(body, fault)]
    try:
        space = RewardSpace.model_validate_json(body)
    except ValidationError as error:
        return [(body, f"the space of rewards is not right: {one_line(error)}")]
    return [(spec.model_dump_json(), None) for spec in space.draws(generator(seed, "draws"), count)]


def _ranges(spec: dict[str, Any]) -> list[str]:
    """Return the names of a spec's numbers that are lists."""
    parts = [*(spec["terms"] if isinstance(spec["terms"], list) else []), spec, spec.get("loss")]
    names = ("weight", "gamma_r", *LossSpace.model_fields)
    return [name for part in parts if isinstance(part, dict) for name in names if isinstance(part.get(name), list)]

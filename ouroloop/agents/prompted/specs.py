"""From a model's reply to the reward spec in it.

Models write JSON as they write code: with trailing commas, comments, single quotes, `+0.5`. Such a spec is rewritten as plain
JSON. Nothing else is decided here: a reply with no spec, or with several, goes to the screen as it is, with the reason.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import json5
from pydantic import ValidationError

from ouroloop.agents.search.evidence import generator
from ouroloop.agents.spaces import RewardSpace
from ouroloop.protocols.jsonrpc import one_line

LONGEST: Final = 20_000
"""Characters of an object that is read leniently; the lenient reader is slow."""
NO_SPEC: Final = "the reply holds no reward spec: send one JSON object with `terms`"


class _Twice(ValueError):
    """A key is given twice, however one reads it."""


def find_spec(text: str) -> tuple[str, str | None]:
    """Return the one reward spec of an answer as plain JSON, and None; else the answer as it is, and what is wrong with it."""
    found: list[str] = []
    fault = NO_SPEC
    for start, end in _objects(text):
        body = text[start:end]
        if "terms" not in body:
            continue
        try:
            found += [json.dumps(spec) for spec in _specs(_read(body))]
        except ValueError as error:
            return body, f"spec is not JSON: {error}"
    if text.count("{") > text.count("}") and "terms" in text:
        fault = "the spec is cut off: its last brace is missing"
    different = list(dict.fromkeys(found))
    if len(different) > 1:
        return text, f"found {len(different)} reward specs: send one JSON object"
    return (different[0], None) if different else (text, fault)


def _objects(text: str) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of each outermost pair of braces."""
    depth = start = 0
    for at, character in enumerate(text):
        if character == "{":
            start = start if depth else at
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if not depth:
                yield start, at + 1


def _read(body: str) -> Any:
    """Return an object as data, read as JSON, else as JSON5, else as a Python literal; a key given twice is an error."""
    try:
        return json.loads(body, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except _Twice:
        raise
    except ValueError as error:
        if len(body) > LONGEST:
            raise
        first = error
    for lenient in (_json5, _literal):
        try:
            return lenient(body)
        except _Twice:
            raise
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    raise ValueError(str(first))


def _json5(body: str) -> Any:
    return json5.loads(body, object_pairs_hook=_unique)


def _literal(body: str) -> Any:
    tree = ast.parse(body.strip(), mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            _unique([(ast.dump(key) if key is not None else "**", None) for key in node.keys])
    return ast.literal_eval(tree)


def _unique(given: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    pairs = list(given)
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Twice("a key is given twice")
    return dict(pairs)


def _specs(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects with a key `terms`, at any depth."""
    if isinstance(value, dict):
        if "terms" in value:
            yield value
            return
        for inner in value.values():
            yield from _specs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _specs(inner)


def specs_in(text: str, count: int, seed: int) -> list[tuple[str, str | None]]:
    """Return the reward specs of an answer, each with what is wrong with it.

    Args:
        text: the answer.
        count: the number of draws, if the answer holds a space: an object whose weights are ranges `[low, high]`.
        seed: of the draws.
    """
    body, fault = find_spec(text)
    if fault is not None or not _is_space(json.loads(body)):
        return [(body, fault)]
    try:
        space = RewardSpace.model_validate_json(body)
    except ValidationError as error:
        return [(body, f"the space of rewards is not right: {one_line(error)}")]
    return [(spec.model_dump_json(), None) for spec in space.draws(generator(seed, "draws"), count)]


def _is_space(spec: dict[str, Any]) -> bool:
    terms = spec["terms"] if isinstance(spec["terms"], list) else []
    numbers = [spec.get("gamma_r"), *(term.get("weight") for term in terms if isinstance(term, dict))]
    return any(isinstance(number, list) for number in numbers)

"""From a model's reply to the reward spec in it.

Models write JSON as they write code: with trailing commas, comments, single quotes, `+0.5`. Such a spec is rewritten as plain
JSON. Nothing else is decided here: a reply with no spec, or with several, goes to the screen as it is, with the reason.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import json5
from pydantic import ValidationError

from ouroloop.agents.search.evidence import generator
from ouroloop.agents.spaces import LossSpace, RewardSpace
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.syntax import parse_expression

LONGEST: Final = 20_000
"""Characters of an object that is read leniently; the lenient reader is slow."""
NO_SPEC: Final = "the reply holds no reward spec: send one JSON object with `terms`"
CUT_OFF: Final = "the spec is cut off: its last brace is missing"
_FENCE: Final = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^`~{}\n]*$", re.MULTILINE)
_GAP: Final = r"(?:\s++|//[^\n]{0,300}|/\*.{0,300}?\*/|#[^\n]{0,300}){0,20}+"
_START: Final = re.compile(r"\{" + _GAP + r"""(?:["'\u201c\u201d]\w|[^\s{}\[\]:,]{1,60}+\s*+:)""", re.DOTALL)
"""Where an object begins: a brace and a key. A brace of prose has none behind it."""
_TOKEN: Final = re.compile(
    r"""\\.|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|//[^\n]*+|#[^\n]*+|/\*.*?(?:\*/|\Z)|[{}]""", re.DOTALL
)
"""Strings and comments, in which braces do not count, and braces."""
_BEGUN: Final = re.compile(r"""\{\s*+["']?+\w*+\s*+\Z""")
"""An object that is cut off before its first key ends."""
_FAILURES: Final = (ValueError, SyntaxError, RecursionError, MemoryError, TypeError, OverflowError)
"""What the lenient readers raise."""


class _Twice(ValueError):
    """A key is given twice, however one reads it."""


def find_spec(text: str) -> tuple[str, str | None]:
    """Return the one reward spec of an answer as plain JSON, and None; else the answer as it is, and what is wrong with it."""
    found: dict[str, str] = {}
    broken: list[tuple[str, str]] = []
    forms: list[tuple[str, str]] = []
    for body, closed in _objects(text):
        if not closed:
            return text, CUT_OFF
        try:
            for spec in _specs(_read(body)):
                found.setdefault(_essence(spec), json.dumps(spec))
        except (ValueError, RecursionError) as error:
            (forms if _is_form(body) else broken).append((body, f"spec is not JSON: {error}"))
    if broken or (forms and not found):
        return (broken or forms)[0]
    if len(found) > 1:
        return text, f"found {len(found)} reward specs: send one JSON object"
    return next(((spec, None) for spec in found.values()), (text, NO_SPEC))


def _objects(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each outermost object with `terms` in it, and whether it is closed. A line that is a fence ends all objects."""
    for part in _FENCE.split(text):
        at = 0
        while begun := _START.search(part, at):
            end = _end(part, begun.start())
            body = part[begun.start() : end]
            if "terms" in body:
                yield body, end is not None
            if end is None:
                break
            at = end
    if _BEGUN.search(text):
        yield text, False


def _end(text: str, start: int) -> int | None:
    """Return where the object that begins at `start` ends; None if it is not closed."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if token[0] == "}" and not depth:
            return token.end()
    return None


def _is_form(body: str) -> bool:
    """Tell whether an object only shows the form of a spec: dots, or a word in capitals, stand where a value should."""
    if len(body) > LONGEST:
        return False
    try:
        tree = parse_expression(body)
    except _FAILURES:
        return False
    return any(
        node.id.isupper() if isinstance(node, ast.Name) else isinstance(node, ast.Constant) and node.value is ...
        for node in ast.walk(tree)
    )


def _essence(spec: dict[str, Any]) -> str:
    """Return what two specs have in common if they differ only in the order of keys or in `1` for `1.0`."""
    return json.dumps(json.loads(json.dumps(spec), parse_int=float), sort_keys=True)


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
            return json.loads(json.dumps(lenient(body)), object_pairs_hook=_unique)  # a literal may hold what JSON cannot
        except _Twice:
            raise
        except _FAILURES:
            continue
    raise ValueError(str(first))


def _json5(body: str) -> Any:
    return json5.loads(body, object_pairs_hook=_unique)


def _literal(body: str) -> Any:
    tree = parse_expression(body)
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

"""How the arms of an ablation are asked for: `--vary key=a,b`, a recipe's table `[ablation]`, or several recipes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import Field, JsonValue, ValidationError

from ouroloop.inspect.ablation.document import Measure, Plan
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.jsonrpc import one_line
from ouroloop.protocols.records import Frozen
from ouroloop.runs.keys import check_keys
from ouroloop.runs.recipe import ABLATION, read_tables

Vary: TypeAlias = dict[str, tuple[str, ...]]
"""The keys to vary with their values, as `--set` would write them; the first of each is the baseline's."""
EXAMPLE: Final = "e.g. --vary perception=json,vision"
RECIPE: Final = "recipe"
"""The key under which several recipes are compared; no recipe has a key of this name."""


class Axes(Frozen):
    """The table `[ablation]`: what an ablation of the recipe varies, unless options say otherwise.

    Args:
        vary: key -> its values, the baseline's first. A key is dotted in quotes, or a table in a table.
        plan: which combinations are arms, see `Plan`.
        seeds: seeds per arm.
        measure: what the intervals are of.
    """

    vary: dict[str, JsonValue] = Field(default_factory=dict)
    plan: Plan = "factorial"
    seeds: int = Field(default=5, ge=1, le=1000)
    measure: Measure = "utility"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an ablation is asked to compare: see `Axes`; `vary` has at least one key."""

    vary: Vary
    plan: Plan
    seeds: int
    measure: Measure


def read_axes(path: Path) -> tuple[dict[str, object], Axes]:
    """Return the tables of a recipe file without `[ablation]`, and what that table says.

    Raises:
        UsageError: the file is missing or no TOML, or the table has an unknown key or a bad value.
    """
    tables = read_tables(path)
    own = tables.pop(ABLATION, {})
    source = f"{path}: [{ABLATION}]"
    if not isinstance(own, dict):
        raise UsageError(f"{source} is a value, not a table")
    check_keys(own, Axes, source)
    try:
        return tables, Axes.model_validate(own)
    except ValidationError as error:
        raise UsageError(f"{source}: {one_line(error)}") from None


def asked_of(
    axes: Axes, vary: tuple[str, ...], plan: Plan | None = None, seeds: int | None = None, measure: Measure | None = None
) -> Asked:
    """Return what the options ask for; the file decides where they say nothing. Any `--vary` takes the place of all its keys.

    Raises:
        UsageError: nothing is varied, or the values are not possible.
    """
    varied = parse_vary(vary) if vary else _of_file(axes)
    if not varied:
        raise UsageError(f"nothing to vary: give --vary key=a,b, {EXAMPLE}, or a recipe with a table [{ABLATION}]")
    return Asked(varied, plan or axes.plan, seeds or axes.seeds, measure or axes.measure)


def asked_of_files(
    paths: Sequence[Path], vary: tuple[str, ...], plan: Plan | None, seeds: int | None, measure: Measure | None
) -> Asked:
    """Return what an ablation of several recipes compares: whole files, named by their stems; the first is the baseline.

    Raises:
        UsageError: something is to be varied besides, or a file is given twice.
    """
    if vary or plan:
        option = f"--vary {vary[0]}" if vary else "--one-at-a-time"
        raise UsageError(
            f"{len(paths)} recipes and {option}: give one recipe and vary its keys, or several that are compared whole"
        )
    stems = [path.stem for path in paths]
    names = tuple(stems if len(set(stems)) == len(stems) else map(str, paths))
    if len(set(names)) < len(names):
        raise UsageError(f"the recipe {max(names, key=names.count)} is given twice: name each once")
    return Asked({RECIPE: names}, "factorial", seeds or Axes().seeds, measure or Axes().measure)


def parse_vary(texts: tuple[str, ...]) -> Vary:
    """Return the keys to vary with their values, from `key=a,b,...`; a comma in brackets or quotes separates nothing.

    Raises:
        UsageError: an option is not of that form, varies the seed, or names a key for the second time.
    """
    found: Vary = {}
    for text in texts:
        key, sep, rest = (part.strip() for part in text.partition("="))
        values = _values(rest)
        if not sep or not key or len(values) < 2:
            raise UsageError(f"--vary {text!r} is not of the form key=a,b with two values or more, {EXAMPLE}")
        if "" in values:
            raise UsageError(f'--vary {text!r} has an empty value; write "" for an empty text, or leave the comma out')
        if key in found:
            raise UsageError(f"--vary {key} is given twice: name all its values once, {EXAMPLE}")
        found[key] = values
    return _without_seed(found)


def _values(text: str) -> tuple[str, ...]:
    """Split at the commas outside of brackets and quotes."""
    values, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "[{") - (char in "]}")
        if char == "," and not quote and depth == 0:
            values.append("")
        else:
            values[-1] += char
    return tuple(value.strip() for value in values)


def _of_file(axes: Axes) -> Vary:
    found: Vary = {}
    for key, values in _flat(axes.vary, ""):
        if not isinstance(values, list) or len(values) < 2:
            raise UsageError(f"[{ABLATION}] vary.{key} is {values!r:.60}, expected a list of two values or more")
        if key in found:
            raise UsageError(f"[{ABLATION}] vary.{key} is there twice, dotted and in tables: name all its values once")
        found[key] = tuple(text_of(value) for value in values)
    return _without_seed(found)


def _flat(tree: Mapping[str, JsonValue], where: str) -> Iterator[tuple[str, JsonValue]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def _without_seed(vary: Vary) -> Vary:
    if "seed" in vary:
        raise UsageError("--vary seed: all arms run under the same seeds; `--seeds N` says how many, `--seed S` the first")
    return vary


def text_of(value: JsonValue) -> str:
    """Return the text that `--set` reads as this value: TOML, but a word stands without quotes."""
    if isinstance(value, str) and value and value == value.strip() and not _is_toml(value):
        return value
    return _toml(value)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(f"v = {text}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def _toml(value: JsonValue) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)} = {_toml(inner)}' for key, inner in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)

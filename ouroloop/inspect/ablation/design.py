"""What an ablation compares: its arms, its seeds and its measure, all checked before the first game."""

from __future__ import annotations

import secrets
import tempfile
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic import ValidationError

from ouroloop.atomic import whole_file
from ouroloop.inspect.ablation.document import Measure
from ouroloop.inspect.ablation.reads import why_same
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.runs.lifecycle import create
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import load_recipe

if TYPE_CHECKING:
    from ouroloop.runs.recipe import Recipe

Vary: TypeAlias = dict[str, tuple[str, ...]]
Arms: TypeAlias = "dict[str, Recipe]"
"""The recipes by the names of their arms; the first is the baseline."""
DESIGN: Final = "design.json"
EXAMPLE: Final = "e.g. --vary perception=json,vision"
SEED_BITS: Final = 62


class Design(Frozen):
    """What an ablation compares. It is written to its folder before the first game, and never changes.

    `vary` has the values of each key as they were given, `arms` the hash of each arm's settings, the first arm being the
    baseline. `measure` is the one that gets intervals: with a test of each measure, an arm that equals the baseline would
    look different too often.
    """

    vary: dict[str, tuple[str, ...]]
    arms: dict[str, str]
    seeds: tuple[int, ...]
    measure: Measure


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
        if key == "seed":
            raise UsageError("--vary seed: all arms run under the same seeds; `--seeds N` says how many, `--seed S` the first")
        if key in found:
            raise UsageError(f"--vary {key} is given twice: name all its values once, {EXAMPLE}")
        found[key] = values
    if not found:
        raise UsageError(f"nothing to vary: give --vary key=a,b, {EXAMPLE}")
    return found


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


def read_arms(path: Path, overrides: tuple[str, ...], vary: Vary) -> Arms:
    """Return the arms: every combination of the values, in the order given.

    Raises:
        UsageError: the recipe or an arm's value is bad, or two arms cannot differ.
    """
    load_recipe(path, overrides)  # first, so that an error of the recipe itself names no arm
    for key in vary:
        if any(override.partition("=")[0].strip() == key for override in overrides):
            raise UsageError(f"--set {key} and --vary {key} contradict each other: leave one out")
    arms: Arms = {}
    for values in product(*vary.values()):
        settings = tuple(f"{key}={value}" for key, value in zip(vary, values, strict=True))
        name = values[0] if len(vary) == 1 else ", ".join(settings)
        if name in arms:
            raise UsageError(f"arm {name} is given twice: name each value once")
        try:
            arms[name] = load_recipe(path, (*overrides, *settings))
        except UsageError as error:
            raise UsageError(f"arm {', '.join(settings)}: {error}") from None
    for one, other in combinations(arms, 2):
        if reason := why_same(arms[one], arms[other]):
            raise UsageError(f"the arms {one} and {other} of --vary {' --vary '.join(vary)} cannot differ: {reason}")
    return arms


def check_arms(arms: Arms, vary: Vary) -> None:
    """Check that a run of every arm can begin, with all that `create` checks; nothing is kept.

    Raises:
        UsageError: as `create`, with the arm's name before the message.
        SurroundingsError: likewise.
    """
    for name, recipe in arms.items():
        with tempfile.TemporaryDirectory(prefix="ouroloop-arm-") as folder:
            try:
                create(recipe, Path(folder) / "arm", Quiet(notes=False))
            except (UsageError, SurroundingsError) as error:
                said = name if len(vary) > 1 else f"{next(iter(vary))}={name}"
                raise type(error)(f"arm {said}: {error}") from error


def make_design(vary: Vary, arms: Arms, count: int, first: int | None, measure: Measure) -> Design:
    """Return the design. Without a first seed, one is drawn; the others follow it.

    Raises:
        UsageError: there are not so many seeds from the first one on.
    """
    start = secrets.randbits(SEED_BITS) if first is None else first
    if not 0 <= start <= (1 << 63) - count:
        raise UsageError(f"--seed {start} with {count} seeds: choose 0 to {(1 << 63) - count}")
    hashes = {name: content_hash(recipe.model_dump(mode="json", exclude={"seed"})) for name, recipe in arms.items()}
    return Design(vary=vary, arms=hashes, seeds=tuple(range(start, start + count)), measure=measure)


def read_design(folder: Path) -> Design | None:
    """Return the design of an ablation's folder; None if the folder is new or empty.

    Raises:
        UsageError: the folder holds something else, or cannot be read.
    """
    try:
        return Design.model_validate_json((folder / DESIGN).read_bytes())
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds no ablation but other files: choose a new or empty folder for --out") from None
        return None
    except NotADirectoryError:
        raise UsageError(f"{folder} is no folder: choose another --out") from None
    except (OSError, ValidationError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no design of an ablation"
        raise UsageError(f"{folder / DESIGN} cannot be read ({said}): choose another --out") from None


def settled(folder: Path, asked: Design, *, drawn: bool) -> Design:
    """Return the design to work by: the one in the folder if there is one, which must be the same.

    Args:
        folder: the ablation's folder.
        asked: the design that the options ask for.
        drawn: whether its first seed was drawn; then the folder's seeds take their place.

    Raises:
        UsageError: the folder holds another ablation, or other files.
    """
    begun = read_design(folder)
    if begun is None:
        return asked
    apart = [
        part
        for part, differs in {
            "what it varies": begun.vary != asked.vary,
            "its other settings": begun.vary == asked.vary and begun.arms != asked.arms,
            "the number of seeds": len(begun.seeds) != len(asked.seeds),
            "the first seed": not drawn and begun.seeds[0] != asked.seeds[0],
            "the measure": begun.measure != asked.measure,
        }.items()
        if differs
    ]
    if apart:
        raise UsageError(
            f"{folder} holds another ablation ({begun.measure} of {', '.join(begun.vary)} over {len(begun.seeds)} seeds); "
            f"it differs in {', '.join(apart)}: choose another --out (a design that changes after a look proves nothing)"
        )
    return begun


def write_design(folder: Path, design: Design) -> None:
    """Make the folder and write the design. Raises UsageError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / DESIGN) as half:
            half.write_text(design.model_dump_json(indent=2), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}): choose another --out") from None

"""What an ablation compares: its arms, its seeds and its measure, all checked before the first game."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic import ValidationError

from ouroloop.atomic import whole_file
from ouroloop.inspect.ablation.axes import Asked, Vary, read_axes
from ouroloop.inspect.ablation.document import Measure, Plan
from ouroloop.inspect.ablation.reads import why_same
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.errors import SurroundingsError, UsageError
from ouroloop.protocols.records import Frozen
from ouroloop.runs.lifecycle import create
from ouroloop.runs.progress import Quiet
from ouroloop.runs.recipe import build_recipe, load_recipe

if TYPE_CHECKING:
    from ouroloop.runs.recipe import Recipe

Arms: TypeAlias = "dict[str, Recipe]"
"""The recipes by the names of their arms; the first is the baseline."""
DESIGN: Final = "design.json"
BASELINE: Final = "baseline"
"""The name of the first arm where the others are named by the one key in which they differ from it."""
SEED_BITS: Final = 62


class Design(Frozen):
    """What an ablation compares. It is written to its folder before the first game, and never changes.

    `vary` has the values of each key as they were given, `arms` the hash of each arm's settings, the first arm being the
    baseline. `measure` is the one that gets intervals: with a test of each measure, an arm that equals the baseline would
    look different too often. `plan` says which combinations of the values are arms.
    """

    vary: dict[str, tuple[str, ...]]
    arms: dict[str, str]
    seeds: tuple[int, ...]
    measure: Measure
    plan: Plan = "factorial"


def arm_settings(vary: Vary, plan: Plan) -> dict[str, dict[str, str]]:
    """Return the arms by their names, each with its value of every key; the first arm has the first values.

    Raises:
        UsageError: two arms are the same.
    """
    arms: dict[str, dict[str, str]] = {}
    for values in _combinations(vary, plan):
        settings = dict(zip(vary, values, strict=True))
        name = _arm_name(settings, vary, plan)
        if name in arms:
            raise UsageError(f"arm {name} is given twice: name each value once")
        arms[name] = settings
    return arms


def _combinations(vary: Vary, plan: Plan) -> Iterator[tuple[str, ...]]:
    if plan == "factorial":
        yield from product(*vary.values())
        return
    first = tuple(values[0] for values in vary.values())
    yield first
    for place, values in enumerate(vary.values()):
        yield from ((*first[:place], value, *first[place + 1 :]) for value in values[1:])


def _arm_name(settings: dict[str, str], vary: Vary, plan: Plan) -> str:
    """Return what tells an arm from the others."""
    if len(vary) == 1:
        return next(iter(settings.values()))
    apart = {key: value for key, value in settings.items() if plan == "factorial" or value != vary[key][0]}
    return ", ".join(f"{key}={value}" for key, value in apart.items()) or BASELINE


def read_arms(path: Path, overrides: tuple[str, ...], vary: Vary, plan: Plan = "factorial") -> Arms:
    """Return the arms in the order of `arm_settings`.

    Args:
        path: the recipe's file; its table `[ablation]` is left out.
        overrides: `key=value` texts for all arms.
        vary: the keys with their values.
        plan: which combinations are arms.

    Raises:
        UsageError: the recipe or an arm's value is bad, or two arms cannot differ.
    """
    tables, _ = read_axes(path)
    build_recipe(tables, overrides, str(path))  # first, so that an error of the recipe itself names no arm
    for key in vary:
        if any(override.partition("=")[0].strip() == key for override in overrides):
            raise UsageError(f"--set {key} and --vary {key} contradict each other: leave one out")
    arms: Arms = {}
    for name, values in arm_settings(vary, plan).items():
        settings = tuple(f"{key}={value}" for key, value in values.items())
        try:
            arms[name] = build_recipe(tables, (*overrides, *settings), str(path))
        except UsageError as error:
            raise UsageError(f"arm {', '.join(settings)}: {error}") from None
    _check_apart(arms, f" of --vary {' --vary '.join(vary)}")
    return arms


def read_files(paths: Sequence[Path], names: Sequence[str], overrides: tuple[str, ...]) -> Arms:
    """Return recipes as arms by their names.

    Raises:
        UsageError: a recipe is bad or has a table `[ablation]`, their seeds differ, or two cannot differ.
    """
    arms: Arms = {}
    for name, path in zip(names, paths, strict=True):
        arms[name] = load_recipe(path, overrides)
    seeds = {recipe.seed for recipe in arms.values()}
    if len(seeds) > 1:
        raise UsageError(
            "the recipes have different seeds, and all arms run under the same: leave them out, --seed gives the first"
        )
    _check_apart(arms, "")
    return arms


def _check_apart(arms: Arms, where: str) -> None:
    """Refuse arms of which two give the same run, and one whose runs would wait for an answer."""
    for name, recipe in arms.items():
        if recipe.approve != "none":
            raise UsageError(f"arm {name}: nobody is there to answer with approve = {recipe.approve}: leave it out")
    for one, other in combinations(arms, 2):
        if reason := why_same(arms[one], arms[other]):
            raise UsageError(f"the arms {one} and {other}{where} cannot differ: {reason}")


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


def make_design(asked: Asked, arms: Arms, first: int | None) -> Design:
    """Return the design. Without a first seed, one is drawn; the others follow it.

    Raises:
        UsageError: there are not so many seeds from the first one on.
    """
    start, count = secrets.randbits(SEED_BITS) if first is None else first, asked.seeds
    if not 0 <= start <= (1 << 63) - count:
        raise UsageError(f"--seed {start} with {count} seeds: choose 0 to {(1 << 63) - count}")
    hashes = {name: content_hash(recipe.model_dump(mode="json", exclude={"seed"})) for name, recipe in arms.items()}
    seeds = tuple(range(start, start + count))
    return Design(vary=asked.vary, arms=hashes, seeds=seeds, measure=asked.measure, plan=asked.plan)


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
            "which combinations it has": begun.vary == asked.vary and begun.plan != asked.plan,
            "its other settings": (begun.vary, begun.plan) == (asked.vary, asked.plan) and begun.arms != asked.arms,
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

"""The cells of an ablation: the run of each arm under each seed. A run that is done is never done again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ouroloop.inspect.ablation.design import Arms, Design
from ouroloop.inspect.ablation.document import Ended, Measure
from ouroloop.inspect.document import Played
from ouroloop.inspect.run import Report
from ouroloop.ledger.steps.start import LIBRARY
from ouroloop.protocols.errors import LedgerError, UsageError
from ouroloop.runs.lifecycle import create, work
from ouroloop.runs.proposers.prices import with_prices_of
from ouroloop.runs.recipe import read_recipe

if TYPE_CHECKING:
    from ouroloop.protocols.messages import Known
    from ouroloop.runs.progress import Progress
    from ouroloop.runs.recipe import Recipe

Library: TypeAlias = "tuple[Known, ...]"


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of an ablation, as data that can be sent to another process.

    Args:
        folder: the run directory.
        arm: the name of its arm.
        number: the number of its seed, from 1.
        recipe: its recipe, with the seed.
        known: the entries of the library that its recipe names; None if it names none.
    """

    folder: Path
    arm: str
    number: int
    recipe: Recipe
    known: Library | None = None

    @property
    def name(self) -> str:
        """Its name for people."""
        return f"{self.arm}, seed {self.number}"

    @property
    def seed(self) -> int:
        """The seed of the recipe."""
        assert self.recipe.seed is not None
        return self.recipe.seed


def cells_of(design: Design, arms: Arms, folder: Path) -> list[Cell]:
    """Return the cells below a folder, seed by seed, so that a stopped ablation has whole pairs."""
    return [
        Cell(folder / f"{place}-{_slug(arm)}-seed{number}", arm, number, recipe.model_copy(update={"seed": seed}))
        for number, seed in enumerate(design.seeds, 1)
        for place, (arm, recipe) in enumerate(arms.items(), 1)
    ]


def _slug(arm: str) -> str:
    """Return an arm's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "_", arm)[:64].strip("_") or "arm"


def with_libraries(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells with their libraries.

    A library is read once. All runs that name it get the same entries, whatever others have accepted since, so the entries of
    a run that was made earlier go to all the others.

    Raises:
        UsageError: a library cannot be read.
    """
    cells, found = list(cells), dict[tuple[str, str], "Library"]()
    for cell in sorted(cells, key=lambda one: not one.folder.exists()):
        place = cell.recipe.start.library
        if place is not None and (place, cell.recipe.task.name) not in found:
            found[place, cell.recipe.task.name] = _library(cell, place)
    return [replace(cell, known=found.get((cell.recipe.start.library or "", cell.recipe.task.name))) for cell in cells]


def _library(cell: Cell, place: str) -> Library:
    """Return the entries that a cell's run keeps, or those of the place that it names, if there is no run yet."""
    from ouroloop.runs.proposers.library import library

    if cell.folder.exists():
        with closing(Report(cell.folder)) as report:
            return LIBRARY.read(report.ledger).entries
    return library(Path(place), cell.recipe.task.name, lambda note: None)


def is_done(cell: Cell) -> bool:
    """Return whether a cell's run is there and done. Raises UsageError if it is another run."""
    if not cell.folder.exists():
        return False
    begun = read_recipe(cell.folder)
    if begun != with_prices_of(cell.recipe, begun):
        raise UsageError(f"{cell.folder} was run with other settings: choose another --out, or remove it")
    with closing(Report(cell.folder)) as report:
        return report.status() == "done"


def run_cell(cell: Cell, progress: Progress) -> None:
    """Begin a cell's run, or go on with it."""
    if not cell.folder.exists():
        create(cell.recipe, cell.folder, progress, tell_seed=False, known=cell.known)
    work(cell.folder, progress)


def ended(cell: Cell, measure: Measure) -> Ended:
    """Return the measures of a run's last incumbent. Raises LedgerError if the run ended before its start was scored."""
    with closing(Report(cell.folder)) as report:
        document = report.document()
    last, first = document["incumbent"], document["start"]
    if last is None or first is None:
        raise LedgerError(f"{cell.folder} ended before its start was scored, so there is nothing to compare: raise its budget")
    found = _measures(last)
    return {
        "score": found["score"],
        "win_rate": found["win_rate"],
        "path_optimality": found["path_optimality"],
        "utility": found["utility"],
        "start": _measures(first)[measure],
        "digest": document["digest"],
        "status": document["status"],
        "tokens": document["totals"]["tokens"],
    }


def _measures(played: Played) -> dict[Measure, float]:
    return {
        "utility": played["utility"],
        "score": played["score"]["mean"],
        "win_rate": played["win_rate"],
        "path_optimality": played["path_optimality"],
    }

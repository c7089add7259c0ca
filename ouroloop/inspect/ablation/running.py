"""Runs an ablation: every arm under every seed, then the probes and the comparison. A stopped one goes on where it left off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ouroloop.atomic import whole_file
from ouroloop.inspect.ablation.abreast import Errand, run_abreast
from ouroloop.inspect.ablation.axes import RECIPE, asked_of, asked_of_files, read_axes
from ouroloop.inspect.ablation.cells import Cell, cells_of, ended, is_done, run_cell, with_libraries
from ouroloop.inspect.ablation.comparing import compare, main_effects
from ouroloop.inspect.ablation.design import (
    Design,
    arm_settings,
    check_arms,
    make_design,
    read_arms,
    read_files,
    settled,
    write_design,
)
from ouroloop.inspect.ablation.document import Ablation, Measure, Plan, VariedRun
from ouroloop.inspect.ablation.export import runs_table, write_arrow, write_csv
from ouroloop.inspect.ablation.picture import plot
from ouroloop.inspect.ablation.probe import columns_of, probe, read_probe
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.text import counted, shell_word
from ouroloop.runs.lifecycle import next_folder

if TYPE_CHECKING:
    from ouroloop.runs.progress import Progress
    from ouroloop.runs.recipe import Recipe

PROBE_GAMES: Final = 8
"""Games of a probe unless it is asked for another number."""


def ablate(
    recipes: Sequence[Path],
    vary: tuple[str, ...],
    progress: Progress,
    *,
    plan: Plan | None = None,
    overrides: tuple[str, ...] = (),
    seeds: int | None = None,
    first_seed: int | None = None,
    measure: Measure | None = None,
    folder: Path | None = None,
    jobs: int = 1,
    probe_games: int = PROBE_GAMES,
) -> tuple[Ablation, Path]:
    """Run every arm under every seed and compare the arms.

    Args:
        recipes: the recipe's file, whose table `[ablation]` decides where an argument does not: see `axes.Axes`. Or several
            files, each of which is an arm, the first the baseline.
        vary: `key=a,b,...`, once or several times; the first values are the baseline's.
        progress: shows the progress.
        plan: which combinations of several keys are arms.
        overrides: as for `run`.
        seeds: number of seeds.
        first_seed: the first seed; by default the recipe's, or a drawn one if the recipe has none.
        measure: what the intervals are of.
        folder: the folder for the runs and the results; by default a new one below `ablations`.
        jobs: runs that work at a time, in processes of their own if more than one.
        probe_games: games of each probe; 0 for no probes.

    Returns:
        The document of `--json` and the folder.

    Raises:
        UsageError: an arm is impossible, two arms cannot differ, or the folder holds something else; no game was played.
        SurroundingsError: the sandbox or something else that a run needs is missing.
    """
    if len(recipes) == 1:
        asked = asked_of(read_axes(recipes[0])[1], vary, plan, seeds, measure)
        arms = read_arms(recipes[0], overrides, asked.vary, asked.plan)
    else:
        asked = asked_of_files(recipes, vary, plan, seeds, measure)
        arms = read_files(recipes, asked.vary[RECIPE], overrides)
    baseline = next(iter(arms.values()))
    first = _given_seed(baseline) if first_seed is None else first_seed
    wanted = make_design(asked, arms, first)
    design = wanted if folder is None else settled(folder, wanted, drawn=first is None)
    check_arms(arms, asked.vary)
    where = folder or _new_folder(baseline.name)
    write_design(where, design)
    counts = f"{len(arms)} arms x {counted(asked.seeds, 'seed')} = {len(arms) * asked.seeds} runs"
    progress.note(f"{counts} below {where}, from seed {design.seeds[0]}")
    cells = cells_of(design, arms, where)
    _run(cells, jobs, where, progress)
    _probe(cells, design, probe_games, progress)
    document = _document(cells, design, probe_games)
    _write(document, where)
    return document, where


def _new_folder(name: str) -> Path:
    """Make and return the next free folder below `ablations`. Raises UsageError if it cannot be made."""
    while True:
        folder = next_folder(name, Path("ablations"))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another ablation took it a moment ago
            continue
        except OSError as error:
            raise UsageError(f"{folder} cannot be made ({error.strerror}): choose another --out") from None
        return folder


def _given_seed(recipe: Recipe) -> int | None:
    """Return the seed that the recipe sets, if it sets one."""
    return recipe.seed if "seed" in recipe.model_fields_set else None


def _run(cells: list[Cell], jobs: int, folder: Path, progress: Progress) -> None:
    """Do the runs that are not done, seed by seed."""
    todo = [place for place, cell in enumerate(cells) if not is_done(cell)]
    known = with_libraries(cells) if todo else []
    teller = _Teller(cells, [known[place] for place in todo], folder, progress)
    if jobs == 1:
        _one_by_one(teller, progress)
        return
    errands = [Errand(cell.name, partial(run_cell, cell)) for cell in teller.todo]
    if errands:
        run_abreast(errands, jobs, progress, "runs", begins=teller.begins, breaks=teller.breaks)


def _one_by_one(teller: _Teller, progress: Progress) -> None:
    """Do the runs in this process."""
    for place, cell in enumerate(teller.todo):
        teller.begins(place, place)
        try:
            run_cell(cell, progress)
        except (OuroloopError, KeyboardInterrupt) as error:
            teller.breaks(place, isinstance(error, OuroloopError))
            raise


@dataclass(slots=True)
class _Teller:
    """Tells which run begins, how long all will take, and how to go on after a run that broke off."""

    cells: Sequence[Cell]
    todo: Sequence[Cell]
    folder: Path
    progress: Progress
    clock: Callable[[], float] = time.monotonic
    since: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin now."""
        self.since = self.clock()

    def begins(self, place: int, done: int) -> None:
        """Tell that a run begins, after others that are done."""
        cell, seeds = self.todo[place], self.cells[-1].number
        number = next(number for number, one in enumerate(self.cells, 1) if one.folder == cell.folder)
        left = f"; {_left((self.clock() - self.since) / done * (len(self.todo) - done))} left" if done else ""
        self.progress.note(f"run {number} of {len(self.cells)}: {cell.name} of {seeds}{left}")

    def breaks(self, place: int, failed: bool) -> None:
        """Tell that a run is cut off."""
        cell, said = self.todo[place], "failed" if failed else "was stopped"
        again = f"the same command with --out {shell_word(self.folder)} goes on there"
        self.progress.note(f"{cell.name} {said} in {cell.folder}; {again}")


def _left(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"


def _probe(cells: list[Cell], design: Design, games: int, progress: Progress) -> None:
    """Probe the runs that were not probed yet: one at a time, so that none disturbs the time of another.

    A probe that fails costs its figures, not the comparison.
    """
    todo = [cell for cell in cells if games and read_probe(cell.folder, ended(cell, design.measure)["digest"], games) is None]
    if not todo:
        return
    progress.note(f"probing {counted(len(todo), 'run')}: {counted(games, 'game')} each, with instruments")

    def fails(place: int, error: OuroloopError) -> None:
        progress.note(f"{todo[place].name} could not be probed, so its figures are missing: {error}")

    errands = [Errand(cell.name, partial(probe, cell.folder, games)) for cell in todo]
    run_abreast(errands, 1, progress, "probes", fails=fails)


def _document(cells: list[Cell], design: Design, games: int) -> Ablation:
    runs: list[VariedRun] = []
    for cell in cells:
        found = ended(cell, design.measure)
        own = columns_of(cell.folder, found["digest"], games)
        runs.append({"run": cell.folder.name, "value": cell.arm, "seed": cell.seed, **found, **own})
    settings, arms = arm_settings(design.vary, design.plan), list(design.arms)
    return {
        "vary": " x ".join(design.vary) if design.plan == "factorial" else ", ".join(design.vary),
        "plan": design.plan,
        "values": arms,
        "settings": settings,
        "measure": design.measure,
        "seeds": len(design.seeds),
        "runs": runs,
        "comparison": compare(runs, arms, design.measure),
        "effects": main_effects(runs, settings, design.vary, design.plan, design.measure),
    }


def _write(document: Ablation, folder: Path) -> None:
    """Write all that an ablation's folder holds beside its runs."""
    with whole_file(folder / "ablation.json") as half:
        half.write_text(json.dumps(document, indent=2), encoding="utf-8")
    table = runs_table(document)
    write_csv(table, folder / "runs.csv")
    write_arrow(table, folder / "runs.arrow")
    plot(document, folder / "ablation.png")

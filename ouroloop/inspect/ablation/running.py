"""Runs an ablation: every arm under every seed, then the comparison. A stopped ablation continues where it left off."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.atomic import whole_file
from ouroloop.inspect.ablation.design import Arms, Design, check_arms, make_design, parse_vary, read_arms, settled, write_design
from ouroloop.inspect.ablation.document import MEASURES, Ablation, Comparison, Ended, Measure, VariedRun
from ouroloop.inspect.ablation.intervals import Interval, interval
from ouroloop.inspect.ablation.picture import plot
from ouroloop.inspect.document import Played
from ouroloop.inspect.run import Report
from ouroloop.ledger.steps.start import LIBRARY
from ouroloop.protocols.errors import LedgerError, OuroloopError, UsageError
from ouroloop.protocols.text import shell_word
from ouroloop.runs.lifecycle import create, next_folder, work
from ouroloop.runs.recipe import read_recipe

if TYPE_CHECKING:
    from ouroloop.protocols.messages import Known
    from ouroloop.runs.progress import Progress
    from ouroloop.runs.recipe import Recipe

BOUNDED: Final = ("utility", "win_rate", "path_optimality")
"""Measures between 0 and 1, whose differences are at most 1."""


def ablate(
    recipe: Path,
    vary: tuple[str, ...],
    progress: Progress,
    *,
    overrides: tuple[str, ...] = (),
    seeds: int = 5,
    first_seed: int | None = None,
    measure: Measure = "utility",
    folder: Path | None = None,
) -> tuple[Ablation, Path]:
    """Run every arm under every seed and compare the arms.

    Args:
        recipe: the recipe's file.
        vary: `key=a,b,...`, once or several times; the arms are all combinations, and the first is the baseline.
        progress: shows the progress.
        overrides: as for `run`.
        seeds: number of seeds.
        first_seed: the first seed; by default the recipe's, or a drawn one if the recipe has none.
        measure: what the intervals are of.
        folder: the folder for the runs, `ablation.json` and `ablation.png`; by default a new one below `ablations`.

    Returns:
        The document of `--json` and the folder.

    Raises:
        UsageError: an arm is impossible, two arms cannot differ, or the folder holds something else; no game was played.
        SurroundingsError: the sandbox or something else that a run needs is missing.
    """
    varied = parse_vary(vary)
    arms = read_arms(recipe, overrides, varied)
    baseline = next(iter(arms.values()))
    first = _given_seed(baseline) if first_seed is None else first_seed
    asked = make_design(varied, arms, seeds, first, measure)
    design = asked if folder is None else settled(folder, asked, drawn=first is None)
    check_arms(arms, varied)
    where = folder or _new_folder(baseline.name)
    write_design(where, design)
    progress.note(f"{len(arms)} arms x {seeds} seeds = {len(arms) * seeds} runs below {where}, from seed {design.seeds[0]}")
    runs = _run_all(design, arms, where, progress)
    document: Ablation = {
        "vary": " x ".join(varied),
        "values": list(arms),
        "measure": design.measure,
        "seeds": seeds,
        "runs": runs,
        "comparison": compare(runs, list(arms), design.measure),
    }
    with whole_file(where / "ablation.json") as half:
        half.write_text(json.dumps(document, indent=2), encoding="utf-8")
    plot(document, where / "ablation.png")
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


def _run_all(design: Design, arms: Arms, folder: Path, progress: Progress) -> list[VariedRun]:
    """Run every cell, seed by seed, so that a stopped ablation has whole pairs.

    A library is read for the first run that names it. The others get the same entries, whatever other runs have accepted since.
    """
    cells = [(index, seed, arm) for index, seed in enumerate(design.seeds) for arm in arms]
    runs: list[VariedRun] = []
    libraries: dict[tuple[str | None, str], tuple[Known, ...] | None] = {}
    started, worked = time.monotonic(), 0
    for number, (index, seed, arm) in enumerate(cells):
        where = folder / f"{list(arms).index(arm) + 1}-{_slug(arm)}-seed{index + 1}"
        recipe = arms[arm].model_copy(update={"seed": seed})
        library = recipe.start.library, recipe.task.name
        if not _done(where, recipe):
            left = "" if not worked else f"; {_left((time.monotonic() - started) / worked * (len(cells) - number))} left"
            progress.note(f"run {number + 1} of {len(cells)}: {arm}, seed {index + 1} of {len(design.seeds)}{left}")
            try:
                if not where.exists():
                    create(recipe, where, progress, tell_seed=False, known=libraries.get(library))
                work(where, progress)
            except (OuroloopError, KeyboardInterrupt) as error:
                ended = "failed" if isinstance(error, OuroloopError) else "was stopped"
                again = f"the same command with --out {shell_word(folder)} goes on there"
                progress.note(f"{arm}, seed {index + 1} {ended} in {where}; {again}")
                raise
            worked += 1
        if library not in libraries:
            libraries[library] = _library(where)
        runs.append({"run": where.name, "value": arm, "seed": seed, **_ended(where, design.measure)})
    return runs


def _done(folder: Path, recipe: Recipe) -> bool:
    """Return whether a run is there and done. Raises UsageError if it is another run."""
    if not folder.exists():
        return False
    if read_recipe(folder) != recipe:
        raise UsageError(f"{folder} was run with other settings: choose another --out, or remove it")
    with closing(Report(folder)) as report:
        return report.status() == "done"


def _library(folder: Path) -> tuple[Known, ...] | None:
    """Return the entries of the library that a run keeps; None if its recipe names none."""
    with closing(Report(folder)) as report:
        found = LIBRARY.find(report.ledger)
        return None if found is None else found.entries


def _slug(arm: str) -> str:
    """Return an arm's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "_", arm)[:64].strip("_") or "arm"


def _left(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"


def _ended(folder: Path, measure: Measure) -> Ended:
    """Return the measures of a run's last incumbent. Raises LedgerError if the run ended before its start was scored."""
    with closing(Report(folder)) as report:
        document = report.document()
    last, first = document["incumbent"], document["start"]
    if last is None or first is None:
        raise LedgerError(f"{folder} ended before its start was scored, so there is nothing to compare: raise its budget")
    found = _measures(last)
    return {
        "score": found["score"],
        "win_rate": found["win_rate"],
        "path_optimality": found["path_optimality"],
        "utility": found["utility"],
        "start": _measures(first)[measure],
        "digest": document["digest"],
        "status": document["status"],
    }


def _measures(played: Played) -> dict[Measure, float]:
    return {
        "utility": played["utility"],
        "score": played["score"]["mean"],
        "win_rate": played["win_rate"],
        "path_optimality": played["path_optimality"],
    }


def compare(runs: list[VariedRun], arms: list[str], measure: Measure) -> list[Comparison]:
    """Return every measure under every arm; the compared measure comes first, and it alone gets intervals.

    Runs with the same seed form a pair. The first arm is the baseline.
    """
    rows: list[Comparison] = []
    for name in sorted(MEASURES, key=lambda m: m != measure):
        by = {arm: np.array([run[name] for run in runs if run["value"] == arm]) for arm in arms}
        for arm in arms:
            tested, differences = name == measure, by[arm] - by[arms[0]]
            found = Interval(float(differences.mean()), None, None, None, None)
            if arm != arms[0] and tested:
                found = interval(differences, len(arms) - 1, 1.0 if name in BOUNDED else np.inf)
            rows.append(
                {
                    "measure": name,
                    "value": arm,
                    "mean": float(by[arm].mean()),
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "sd": found.sd,
                    "seeds_needed": found.seeds_needed,
                }
            )
    return rows

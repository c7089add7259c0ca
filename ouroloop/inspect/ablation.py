"""Ablations: the same recipe and seeds under several values of one key, compared in pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict

import numpy as np

from ouroloop.inspect.document import latest
from ouroloop.inspect.run import Report
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.lifecycle import create, first_seed, read_recipe, work
from ouroloop.runs.recipe import load_recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.table import Table

    from ouroloop.runs.progress import Progress

Measure = Literal["score", "win_rate", "path_optimality", "utility"]
MEASURES: Final[tuple[Measure, ...]] = ("score", "win_rate", "path_optimality", "utility")


class Ended(TypedDict):
    """How a run ended: the measures of its last incumbent, the score of its first, its digest and its status."""

    score: float
    win_rate: float
    path_optimality: float
    utility: float
    start_score: float
    digest: str
    status: str


class VariedRun(Ended):
    """A run of the ablation, with its value and its seed."""

    run: str
    value: str
    seed: int


class Comparison(TypedDict):
    """A measure under one value: its mean, and its mean paired difference from the first value, with an interval."""

    measure: Measure
    value: str
    mean: float
    difference: float
    low: float | None
    high: float | None


class Ablation(TypedDict):
    """The document that `ablate --json` prints."""

    vary: str
    values: list[str]
    seeds: int
    runs: list[VariedRun]
    comparison: list[Comparison]


def ablate(recipe: Path, overrides: tuple[str, ...], vary: str, seeds: int, folder: Path, progress: Progress) -> Ablation:
    """Run every value under every seed and compare them. A stopped ablation continues where it left off.

    Args:
        recipe: the recipe's file.
        overrides: as for `run`.
        vary: `key=a,b,...`; the first value is the reference of the comparison.
        seeds: number of seeds, counted from the recipe's.
        folder: the folder for the runs, `ablation.json` and `ablation.png`.
        progress: shows the progress.

    Returns:
        The document of `--json`: the runs, and for every measure and value the mean difference from the first value with
        its bootstrap interval over seeds.

    Raises:
        UsageError: `vary` is not of that form, or names an unknown key or value.
    """
    key, sep, rest = vary.partition("=")
    values = [v for v in rest.split(",") if v]
    if not sep or len(values) < 2:
        raise UsageError(f"--vary {vary!r} is not of the form key=a,b, e.g. --vary perception=json,vision")
    first = first_seed(load_recipe(recipe, overrides), folder)
    cells = [(value, first + s) for s in range(seeds) for value in values]
    recipes = {c: load_recipe(recipe, (*overrides, f"{key}={c[0]}", f"seed={c[1]}")) for c in cells}
    runs: list[VariedRun] = []
    for i, (value, seed) in enumerate(cells):
        progress.note(f"run {i + 1} of {len(cells)}: {key}={value}, seed {seed}")
        where = folder / f"{key}={value}-seed{seed}".replace("/", "_")
        if not where.exists():
            create(recipes[value, seed], where, progress)
        elif read_recipe(where) != recipes[value, seed]:
            raise UsageError(f"{where} was run with other settings: choose another --out, or remove it")
        work(where, progress)
        runs.append({"run": where.name, "value": value, "seed": seed, **_last(where)})
    document: Ablation = {"vary": key, "values": values, "seeds": seeds, "runs": runs, "comparison": compare(runs, values)}
    (folder / "ablation.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    plot(document, folder / "ablation.png")
    return document


def _last(folder: Path) -> Ended:
    """Return the measures of a run's last incumbent, and of its first."""
    report = Report(folder)
    document = report.document()
    report.close()
    last, first = latest(document), document["start"]
    assert last is not None, f"{folder} has ended without a scored start"
    assert first is not None
    return {
        "score": last["score"]["mean"],
        "win_rate": last["win_rate"],
        "path_optimality": last["path_optimality"],
        "utility": last["utility"],
        "start_score": first["score"]["mean"],
        "digest": document["digest"],
        "status": document["status"],
    }


def compare(runs: list[VariedRun], values: list[str]) -> list[Comparison]:
    """Return, per measure and value, the mean and its paired difference from the first value with a 95 % bootstrap interval.

    Runs with the same seed form a pair. With only one seed there is no interval, and `low` and `high` are null.
    """
    rows: list[Comparison] = []
    for measure in MEASURES:
        by = {v: np.array([r[measure] for r in runs if r["value"] == v]) for v in values}
        for value in values:
            difference = by[value] - by[values[0]]
            low, high = _interval(difference)
            rows.append(
                {
                    "measure": measure,
                    "value": value,
                    "mean": float(by[value].mean()),
                    "difference": float(difference.mean()),
                    "low": low,
                    "high": high,
                }
            )
    return rows


def _interval(difference: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Return the percentile bootstrap interval over seeds (Efron 1979); it is coarse for a handful of seeds."""
    if len(difference) < 2:
        return None, None
    random = np.random.default_rng(0)
    means = difference[random.integers(0, len(difference), (4000, len(difference)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def ablation_table(document: Ablation) -> Table:
    """Return the comparison as a table."""
    from rich.table import Table

    reference = document["values"][0]
    table = Table("measure", document["vary"], "mean", f"minus {reference}", "95 % interval", pad_edge=False)
    table.title = f"{document['vary']} over {document['seeds']} paired seeds"
    table.title_justify = "left"
    for row in document["comparison"]:
        apart = row["value"] != reference
        bounds = "" if row["low"] is None else f"[{row['low']:+.3f}, {row['high']:+.3f}]"
        difference = f"{row['difference']:+.3f}" if apart else ""
        table.add_row(row["measure"], row["value"], f"{row['mean']:.3f}", difference, bounds if apart else "")
    return table


def plot(document: Ablation, path: Path) -> None:
    """Draw the last scores per value, one line per seed, and save a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values, runs = document["values"], document["runs"]
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    seeds = sorted({r["seed"] for r in runs})
    for seed in seeds:
        line = [next(r["score"] for r in runs if r["seed"] == seed and r["value"] == v) for v in values]
        axes.plot(
            range(len(values)),
            line,
            "o-",
            color="0.6",
            linewidth=1,
            markersize=5,
            label="one seed" if seed == seeds[0] else None,
        )
    means = [np.mean([r["score"] for r in runs if r["value"] == v]) for v in values]
    axes.plot(range(len(values)), means, "D-", color="#1f6f54", linewidth=2.5, markersize=9, label="mean")
    start = [np.mean([r["start_score"] for r in runs if r["value"] == v]) for v in values]
    axes.plot(range(len(values)), start, "s--", color="#c0622d", linewidth=1.5, markersize=6, label="before the first round")
    axes.set_xticks(range(len(values)), values)
    axes.set_xlim(-0.4, len(values) - 0.6)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(document["vary"])
    axes.set_ylabel("foods eaten per game")
    axes.set_title(f"{document['vary']}: last incumbent over {document['seeds']} paired seeds", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)

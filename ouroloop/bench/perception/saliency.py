"""Do maps of what decided a move tell the truth? The shipped policies' maps, by each method.

Two questions, of which the first is the policy's and the second the game's:

- *Faithfulness*: does the move lose ground sooner when tokens are taken out in the map's order than in a random order, and gain
  it sooner when they are put in? Differences of areas over the same positions, with Student's 95 % intervals.
- *Agreement*: are the cells that the map shows those that decide what is best? A cell decides if some legal change of it
  alters the oracle's set of best moves; the figure is the area under the ROC curve over the cells that can be changed. A
  policy that plays otherwise than the oracle may be explained well and agree little. A map that shows all cells that the
  prompt names, evenly, stands beside the others: it knows no more than where things are. The second figure is of the named
  cells alone, where such a map has one half.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from ouroloop.bench.gate.report.grid import grid
from ouroloop.bench.perception.decisive import decisive
from ouroloop.bench.timing import Report, significant
from ouroloop.envs.snake.task import SnakeTask
from ouroloop.policy.saliency.explaining import attributed
from ouroloop.policy.saliency.faithfulness import faithfulness, mean_interval
from ouroloop.policy.saliency.methods import METHODS
from ouroloop.policy.saliency.names import TITLES
from ouroloop.policy.saliency.places import to_cells
from ouroloop.policy.saliency.prompts import Prompts, prompts_of
from ouroloop.policy.shipped import find_policy
from ouroloop.policy.snake_gpt import load, threads
from ouroloop.protocols.records import Estimate
from ouroloop.protocols.seeds import splitmix

SIZES: Final = (6, 10)
POSITIONS: Final = 64
TIMED: Final = 8
"""Positions that are explained one at a time, for the time of a map."""


def measure(report: Report, seed: int, positions: int = POSITIONS) -> dict[str, Any]:
    """Return of each shipped policy and method: gains over random maps, agreement with the oracle, seconds a map."""
    threads(1)
    found: dict[str, Any] = {"positions": positions, "target": {"gain": "above 0"}}
    for index, size in enumerate(SIZES):
        name, task = f"snake-gpt-{size}x{size}", SnakeTask(size)
        engine = task.positions(splitmix(seed, size), positions)
        prompts = prompts_of(load(find_policy(name)), engine.observations())
        report(f"decisive cells of {name}", index / len(SIZES))
        label = decisive(engine, splitmix(seed, 1))
        found[name] = {"named": agreement(named(prompts), label)}
        for place, method in enumerate(METHODS):
            report(f"{method} of {name}", (index + (1 + place) / (1 + len(METHODS))) / len(SIZES))
            found[name][method] = _measured(prompts, method, label, seed)
    return found


def _measured(prompts: Prompts, method: str, label: NDArray[np.float64], seed: int) -> dict[str, Any]:
    maps, told = attributed(prompts, method), np.where(named(prompts) > 0, label, np.nan)
    begun = time.perf_counter()
    for row in range(min(TIMED, len(label))):
        attributed(prompts.take(np.array([row])), method)
    seconds = (time.perf_counter() - begun) / min(TIMED, len(label))
    faith = faithfulness(prompts, maps, seed)
    return {
        "deletion": significant(float(faith.deletion.mean())),
        "insertion": significant(float(faith.insertion.mean())),
        "random_deletion": significant(float(faith.random_deletion.mean())),
        "random_insertion": significant(float(faith.random_insertion.mean())),
        "deletion_gain": _rounded(faith.deletion_gain),
        "insertion_gain": _rounded(faith.insertion_gain),
        "beats_random": faith.deletion_gain.low > 0 and faith.insertion_gain.low > 0,
        "agreement": agreement(maps.cells, label),
        "agreement_named": agreement(maps.cells, told),
        "seconds": significant(seconds, 3),
    }


def named(prompts: Prompts) -> NDArray[np.float32]:
    """Return a map that shows the cells that each prompt names, evenly: (B, cells)."""
    cells = to_cells(np.ones(prompts.cells.shape[:2]), prompts.cells, prompts.count)
    return (cells > 0).astype(np.float32)


def agreement(maps: NDArray[np.floating[Any]], label: NDArray[np.float64]) -> dict[str, float] | None:
    """Return the mean area under the ROC curves of maps against decisive cells, with its interval; None if nothing decides.

    Args:
        maps: (B, cells).
        label: (B, cells): 1 decides, 0 does not, NaN for cells that cannot be changed.
    """
    areas = [roc_area(own[~np.isnan(told)], told[~np.isnan(told)] > 0) for own, told in zip(maps, label, strict=True)]
    known = np.array([area for area in areas if area is not None])
    return _rounded(mean_interval(known)) if len(known) > 1 else None


def roc_area(scores: NDArray[np.floating[Any]], positive: NDArray[np.bool_]) -> float | None:
    """Return the chance that a positive outscores a negative, ties by half; None if there are not both.

    By ranks (Mann and Whitney 1947).
    """
    from scipy.stats import rankdata

    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return None
    return float((rankdata(scores)[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def _rounded(estimate: Estimate) -> dict[str, float]:
    return {key: significant(value) for key, value in asdict(estimate).items()}


def table(found: dict[str, Any]) -> Table:
    """Return the figures as a table."""
    rows = []
    for name in (key for key in found if key.startswith("snake-gpt")):
        for method in METHODS:
            row = found[name][method]
            gains = (_shown(row["deletion_gain"], "+"), _shown(row["insertion_gain"], "+"))
            agreed = (_shown(row["agreement"]), _shown(row["agreement_named"]))
            rows.append((name, TITLES[method], *gains, *agreed, f"{1000 * row['seconds']:.0f}"))
        rows.append((name, "all cells named", "", "", _shown(found[name]["named"]), "0.5", ""))
    curves = ("deletion, less than random", "insertion, more than random")
    return grid(("policy", "map", *curves, "agrees with the oracle", "among cells named", "ms a map"), rows)


def _shown(estimate: dict[str, float] | None, sign: str = "") -> str:
    if estimate is None:
        return ""
    return f"{estimate['mean']:{sign}.3f} [{estimate['low']:{sign}.3f}, {estimate['high']:{sign}.3f}]"

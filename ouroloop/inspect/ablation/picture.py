"""The picture of an ablation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ouroloop.inspect.ablation.document import Ablation


def plot(document: Ablation, path: Path) -> None:
    """Draw the compared measure per arm, one line per seed, and save a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    arms, runs, measure = document["values"], document["runs"], document["measure"]
    figure = Figure(figsize=(max(7.2, 1.2 * len(arms)), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(arms))
    found = np.array([[run[measure] for run in runs if run["value"] == arm] for arm in arms])
    start = [np.mean([run["start"] for run in runs if run["value"] == arm]) for arm in arms]
    lines = axes.plot(places, found, "o-", color="0.6", linewidth=1, markersize=5)
    lines[0].set_label("one seed")
    axes.plot(places, found.mean(axis=1), "D-", color="#1f6f54", linewidth=2.5, markersize=9, label="mean")
    axes.plot(places, start, "s--", color="#c0622d", linewidth=1.5, markersize=6, label="before the first round")
    axes.set_xticks(places, [arm.replace(", ", "\n").replace("$", r"\$") for arm in arms])
    axes.set_xlim(-0.4, len(arms) - 0.6)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(document["vary"].replace("$", r"\$"))
    axes.set_ylabel(measure.replace("_", " "))
    axes.set_title(f"last incumbent over {document['seeds']} paired seeds", loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)

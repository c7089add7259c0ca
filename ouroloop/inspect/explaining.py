"""The explanations beside a trained policy: its model card, its figures and its learning curve."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ouroloop.inspect.model_card import model_card
from ouroloop.inspect.training import Given, Kind, Training
from ouroloop.protocols.ports import Task
from ouroloop.runs.recipe import Recipe, recipe_toml


def explain(kind: Kind, task: Task, settings: Recipe, given: Given, out: Path, document: Training) -> None:
    """Write the model card, the figures and the curve beside the weights."""
    made = {"recipe": recipe_toml(settings), "python": platform.python_version(), "torch": version("torch")}
    (out / "training.json").write_text(json.dumps({**document, **made}, indent=1) + "\n")
    (out / "README.md").write_text(model_card(kind, task, settings, given, document))
    draw_curve(document["loss"], document["curve"], out / "curve.png")


def draw_curve(loss: list[float], curve: list[tuple[int, float]], path: Path) -> None:
    """Draw the loss of each step, smoothed, and the scores of the learning curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    width = max(1, len(loss) // 100)
    smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
    axes.plot(np.arange(len(smooth)) + width, smooth, color="#7a8fa6", linewidth=1)
    # A cross entropy falls over orders of magnitude, but GRPO's loss can be negative, which a log scale cannot show.
    axes.set(xlabel="step", ylabel="loss", yscale="log" if smooth.min() > 0 else "linear")
    if curve:
        scores = axes.twinx()
        scores.plot(*zip(*curve, strict=True), color="#2f7d4f", marker="o", markersize=3)
        scores.set_ylabel("mean score alone", color="#2f7d4f")
        scores.set_ylim(0, 1.05 * max(1.0, *(score for _, score in curve)))
    figure.savefig(path, dpi=110)

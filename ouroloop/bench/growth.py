"""A picture of how costs grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ouroloop.bench.gate.report import pictures as gate_pictures
from ouroloop.bench.perception import pictures as perception_pictures
from ouroloop.bench.policy.report import pictures as policy_pictures


def plot(name: str, document: dict[str, Any], path: Path) -> None:
    """Draw a benchmark's curves to a PNG file; draw nothing if it has none."""
    drawers = {"gate": gate_pictures.plot, "perception": perception_pictures.plot, "policy": policy_pictures.plot}
    if name in drawers:
        drawers[name](document, path)
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = document.get("growth")
    if not curves:
        return
    labels = {
        "fused_by_size": ("board's side", "million steps/s"),
        "batch_call_by_games": ("games in a batch", "million steps/s"),
        "path": ("board's side", "microseconds"),
        "distance": ("board's side", "microseconds"),
    }
    figure, axes = plt.subplots(1, len(curves), figsize=(5 * len(curves), 3.6))
    for axis, (curve, points) in zip(axes, curves.items(), strict=True):
        axis.plot([int(x) for x in points], list(points.values()), marker="o", color="#3fa058")
        axis.set(xscale="log", xlabel=labels[curve][0], ylabel=labels[curve][1], title=curve.replace("_", " "))
        axis.set_ylim(0, 1.15 * max(points.values()))
        for x, value in points.items():
            text = f"{value:.2g}" if value < 10 else f"{value:.0f}"
            axis.annotate(text, (int(x), value), (0, 6), textcoords="offset points", ha="center", fontsize=7)
        axis.set_xticks([int(x) for x in points], list(points), rotation=45)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.suptitle(f"ouroloop bench {name}: {document['machine']['processor']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)

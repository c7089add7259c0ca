"""The policies' benchmark as a picture: a learning curve, gains, rates and sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ouroloop.bench.gate.report.grid import BAD, OURS, THEIRS
from ouroloop.bench.policy.report.wording import side

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(document: dict[str, Any], path: Path) -> None:
    """Draw learning, gain, speed and size, as far as they were measured, to a PNG file; draw nothing if none was."""
    from matplotlib.figure import Figure

    panels = [(draw, document[name]) for name, draw in PICTURES.items() if name in document and "missing" not in document[name]]
    if not panels:
        return
    rows, columns = -(-len(panels) // 2), min(2, len(panels))
    figure = Figure(figsize=(4.6 * columns, 3.6 * rows), layout="constrained")
    for axis, (draw, section) in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
        draw(axis, section)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    for axis in figure.axes[len(panels) :]:
        axis.remove()
    figure.suptitle(f"ouroloop bench policy, seed {document['seed']}: {document['machine']['processor']}", fontsize=9)
    figure.savefig(path, dpi=110)


def _curve(axis: Axes, section: dict[str, Any]) -> None:
    axis.plot([when for _, when, _ in section["curve"]], [score for *_, score in section["curve"]], "o-", color=OURS)
    axis.axhline(section["target"]["score"], color=THEIRS, linestyle="--", label=f"asked: {section['target']['score']:g}")
    axis.set(xlabel="seconds on one thread", ylabel="mean score", ylim=(0, section["max_score"]))
    axis.set_title(f"{side(section)} from scratch")
    axis.legend(frameon=False)


def _gains(axis: Axes, section: dict[str, Any]) -> None:
    kinds = {"useful": OURS, "useless": "0.5", "harmful": BAD}
    for index, (kind, color) in enumerate(kinds.items()):
        scores = section[kind]["score"]
        axis.plot([index] * len(scores), scores, "o", color=color, alpha=0.7)
    axis.axhline(section["start"]["score"], color=THEIRS, linestyle="--", label="the start")
    axis.set_xticks(range(len(kinds)), list(kinds))
    axis.set(ylabel="mean score after GRPO", ylim=(0, None), title=f"{section['seeds']} seeds, three rewards")
    axis.legend(frameon=False)


def _rates(axis: Axes, section: dict[str, Any]) -> None:
    rows = section["decisions"]["decisions_per_cpu_s"]
    players = [name for name in rows[0] if name != "batch"]
    for name in players:
        color = OURS if name.startswith("ours") else THEIRS if name.startswith("vllm") else "0.5"
        style = "--" if name.endswith("bfloat16") else "-"
        axis.plot([row["batch"] for row in rows], [row[name] for row in rows], f"o{style}", color=color, label=name)
    axis.set(xscale="log", yscale="log", xlabel="batch", ylabel="decisions/s of one core", title="deciding")
    axis.legend(frameon=False, fontsize=7)


def _sizes(axis: Axes, section: dict[str, Any]) -> None:
    for index, row in enumerate(section["rows"]):
        color = THEIRS if index == 0 else OURS
        axis.scatter(row["decisions_per_s"], row["score"]["mean"], s=400 * row["mb"], color=color, alpha=0.5)
        axis.annotate(
            row["policy"],
            (row["decisions_per_s"], row["score"]["mean"]),
            (-6, 5),
            textcoords="offset points",
            fontsize=7,
            ha="right",
        )
    axis.set(xlabel="decisions/s of one core", ylabel="mean score", title="distilled: size, score, speed")
    axis.margins(0.35, 0.25)


PICTURES: Final[dict[str, Callable[[Any, dict[str, Any]], None]]] = {
    "scratch": _curve,
    "gain": _gains,
    "throughput": _rates,
    "distill": _sizes,
}
"""Sections that are drawn, in the order of the panels."""

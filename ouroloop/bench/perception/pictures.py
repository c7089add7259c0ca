"""The benchmark of perception as a picture: the reader's cost by size, and what spoils reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.bench.gate.report.grid import OURS, THEIRS
from ouroloop.bench.gate.tables import measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = {
    "noise": "noise, share of full scale",
    "cell_px": "pixels a cell",
    "rotation": "rotation, degrees",
    "shift": "shift, cells",
    "blur": "blur, cells",
    "jpeg": "quality of JPEG",
    "occlusion": "share of the picture hidden",
}


def plot(document: dict[str, Any], path: Path) -> None:
    """Draw the section `reader` to a PNG file; draw nothing if it was not measured."""
    if not measured(document, "reader"):
        return
    from matplotlib.figure import Figure

    section = document["reader"]
    figure = Figure(figsize=(17, 7.4), layout="constrained")
    axes = list(figure.subplots(2, 4).flat)
    _cost(axes[0], section["cost"])
    for axis, (setting, label) in zip(axes[1:], ACROSS.items(), strict=True):
        _curve(axis, section["curves"][setting], label)
    axes[1].legend(frameon=False)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    where = f"curves: {section['curves']['boards']} boards of {section['curves']['size']} x {section['curves']['size']}"
    figure.suptitle(
        f"ouroloop bench perception, seed {document['seed']}: {document['machine']['processor']}; {where}", fontsize=9
    )
    figure.savefig(path, dpi=110)


def _cost(axis: Axes, cost: dict[str, Any]) -> None:
    cells, ms = [row["cells"] for row in cost["rows"]], [row["ms"] for row in cost["rows"]]
    axis.plot(cells, ms, "o-", color=OURS, label=f"slope {cost['slope']:g} from 256 cells")
    axis.plot(cells, [ms[-1] * count / cells[-1] for count in cells], "--", color="0.6", label="linear")
    axis.set(
        xscale="log", yscale="log", xlabel="cells of the board", ylabel="ms a board, one core", title="cost, up to 128 x 128"
    )
    axis.legend(frameon=False)


def _curve(axis: Axes, rows: list[dict[str, float]], label: str) -> None:
    values = [row["value"] for row in rows]
    axis.plot(values, [row["first"] for row in rows], "o-", color=OURS, label="the game's own look")
    axis.plot(values, [row["held_out"] for row in rows], "s--", color=THEIRS, label="looks never trained on")
    axis.set(xlabel=label, ylabel="boards read exactly", ylim=(0, 1.03))

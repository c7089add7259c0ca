"""The picture of an ablation: the runs of every arm, and the differences from the first arm in nested intervals.

The rows are arms, and below them the main effects of a factorial. Each row is labelled by its values, a column per key, so that
a dozen arms can be told apart at a glance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ouroloop.inspect.ablation.comparing import by_seed, most, pairs_of
from ouroloop.inspect.ablation.document import Ablation
from ouroloop.inspect.ablation.intervals import DECIMALS, LEVEL, half_width
from ouroloop.protocols.text import counted, plain_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

INK: Final = "#22272e"
PALE: Final = "#98a1ac"
BAND: Final = "#f3f5f8"
HIGHER: Final = "#1f6f54"
LOWER: Final = "#b5482a"
OPEN: Final = "#5b6b82"
"""The colour of a difference that is not shown: its interval, of those that hold together, has 0 inside."""
START: Final = "#d9952b"
ROW: Final = 0.34
"""Inches of a row."""
HEAD: Final = 1.15
"""Rows that a block's head takes, with the space above it."""
AXIS: Final = 0.36
"""Inches of the numbers below a block."""
TITLE: Final = 0.42
LEGEND: Final = 0.82
LETTER: Final = 0.078
"""Inches of a letter of a label, at most."""
GAP: Final = 0.25
"""Inches between columns."""
PANEL: Final = 3.1
LONGEST: Final = 26
"""Letters of a label that are shown."""
BARS: Final = ((0.5, False, 9.0, 0.85), (LEVEL, False, 5.0, 0.45), (LEVEL, True, 1.4, 0.95))
"""The nested intervals: level, whether it is that of all intervals together, the bar's width in points, its opacity."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its label in columns, which of them stand out, and the differences of its seeds; None for the baseline."""

    label: tuple[str, ...]
    bold: tuple[bool, ...]
    differences: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows under one head, whose intervals hold together.

    Args:
        head: the names of the columns of labels.
        rows: the rows.
        said: what the differences are.
    """

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    said: str

    @property
    def comparisons(self) -> int:
        """The number of intervals."""
        return sum(row.differences is not None for row in self.rows)

    @property
    def widths(self) -> list[float]:
        """The inches of each column of labels."""
        columns = zip(self.head, *(row.label for row in self.rows), strict=True)
        return [LETTER * max(map(len, column)) + GAP for column in columns]

    @property
    def height(self) -> float:
        """Inches, without the numbers below it."""
        return ROW * (len(self.rows) + HEAD)


def plot(document: Ablation, path: Path) -> None:
    """Draw the picture and save it as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    blocks = [_arms(document), *_effects(document)]
    label = max(sum(block.widths) for block in blocks)
    high = TITLE + sum(block.height + AXIS for block in blocks) + LEGEND
    figure = Figure(figsize=(label + 2 * PANEL + 3 * GAP, high), dpi=150)
    FigureCanvasAgg(figure)
    limits, top = _limits(blocks, most(document["measure"])), high - TITLE
    for block in blocks:
        lefts = (GAP, GAP + label, GAP + label + PANEL + GAP)
        labels, runs, differences = (_axes(figure, block, left, top, PANEL) for left in lefts)
        _draw_labels(labels, block)
        _draw_runs(runs, document) if block is blocks[0] else runs.set_axis_off()
        _draw_differences(differences, block, limits, most(document["measure"]))
        top -= block.height + AXIS
    said = f"{document['measure'].replace('_', ' ')} of the last incumbent, {counted(document['seeds'], 'paired seed')}"
    figure.text(GAP / figure.get_figwidth(), 1 - 0.24 / high, said, fontsize=12, color=INK, va="center", weight="bold")
    _draw_legend(figure, document)
    figure.savefig(path)


def _axes(figure: Figure, block: Block, left: float, top: float, width: float) -> Axes:
    """Return the axes of a block at a place in inches; its rows count from the top, and its head is row -1."""
    wide, high = figure.get_figwidth(), figure.get_figheight()
    axes = figure.add_axes((left / wide, (top - block.height) / high, width / wide, block.height / high))
    axes.set_ylim(len(block.rows) - 0.45, -0.5 - HEAD)
    return axes


def _arms(document: Ablation) -> Block:
    """Return a row per arm. Values that are not the baseline's stand out."""
    arms, measure, settings = document["values"], document["measure"], document["settings"]
    base, rows = by_seed(document["runs"], arms[0], measure), []
    for arm in arms:
        differences = None if arm == arms[0] else by_seed(document["runs"], arm, measure) - base
        bold = tuple(arm == arms[0] or value != settings[arms[0]][key] for key, value in settings[arm].items())
        rows.append(Row(tuple(map(_shown, settings[arm].values())), bold, differences))
    return Block(_keys(document), tuple(rows), "minus the first arm")


def _effects(document: Ablation) -> list[Block]:
    """Return a row per main effect, if there are any."""
    keys, rows = dict(zip(document["settings"][document["values"][0]], _keys(document), strict=True)), []
    for effect in document["effects"]:
        pairs = pairs_of(document["settings"], effect["key"], effect["first"], effect["value"])
        found = [[by_seed(document["runs"], arm, document["measure"]) for arm in pair] for pair in pairs]
        said = keys[effect["key"]], f"{_shown(effect['value'])} minus {_shown(effect['first'])}"
        rows.append(Row(said, (False, True), np.mean([other - base for base, other in found], axis=0)))
    return [Block(("main effect", ""), tuple(rows), "mean over the other keys")] if rows else []


def _keys(document: Ablation) -> tuple[str, ...]:
    """Return the ends of the varied keys, of two parts or as many as tell them apart."""
    keys = list(document["settings"][document["values"][0]])
    short = []
    for key in keys:
        parts = key.split(".")
        ends = [".".join(parts[-count:]) for count in range(2, len(parts))]
        alone = (end for end in ends if sum(f".{other}".endswith(f".{end}") for other in keys) == 1)
        short.append(_shown(next(alone, key)))
    return tuple(short)


def _shown(text: str) -> str:
    line = plain_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]}…{line[1 - LONGEST // 2 :]}"


def _draw_labels(axes: Axes, block: Block) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, PANEL)
    at = 0.0
    for place, width in enumerate(block.widths):
        _text(axes, at, -1, block.head[place], PALE)
        for number, row in enumerate(block.rows):
            _text(axes, at, number, row.label[place], INK if row.bold[place] else PALE)
        at += width


def _text(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.text(x, y, text, va="center", parse_math=False, clip_on=False, color=colour, fontsize=9.5)


def _draw_runs(axes: Axes, document: Ablation) -> None:
    """Draw what the runs of every arm reached, their mean with its own interval, and where they began."""
    arms, runs, measure = document["values"], document["runs"], document["measure"]
    values = [value for run in runs for value in (run[measure], run["start"])]
    margin = 0.08 * (max(values) - min(values)) or 0.05
    limits = min(values) - margin, max(values) + margin
    _style(axes, len(arms), limits, measure.replace("_", " "))
    for place, arm in enumerate(arms):
        found = by_seed(runs, arm, measure)
        start = np.mean([run["start"] for run in runs if run["value"] == arm])
        axes.plot(start, place, "|", color=START, markersize=13, markeredgewidth=2)
        axes.plot(found, np.full(len(found), place + 0.28), ".", color=PALE, markersize=5)
        if len(found) > 1:
            _bar(
                axes,
                found.mean() + np.array([-1, 1]) * half_width(found, 1),
                place,
                limits,
                ends=True,
                color=INK,
                linewidth=1.4,
            )
        axes.plot(found.mean(), place, "D", color=INK, markersize=5.5, zorder=4)


def _draw_differences(axes: Axes, block: Block, limits: tuple[float, float], bound: float) -> None:
    """Draw the differences of the seeds, their mean, and the nested intervals around it."""
    _style(axes, len(block.rows), limits, block.said)
    axes.plot([0, 0], [-0.5, len(block.rows) - 0.5], color=PALE, linewidth=1.2)
    for place, row in enumerate(block.rows):
        if row.differences is None:
            continue
        found = np.round(row.differences, DECIMALS)
        mean, spread, colour = found.mean(), len(found) > 1 and np.ptp(found) > 0, OPEN
        if spread:
            colour = _colour(found, block.comparisons)
        for level, together, width, opacity in BARS if spread else ():
            if together or level < LEVEL or block.comparisons > 1:
                half = half_width(found, block.comparisons if together else 1, level)
                span = np.clip(mean + np.array([-1, 1]) * half, -bound, bound)
                _bar(axes, span, place, limits, ends=together, color=colour, linewidth=width, alpha=opacity)
        axes.plot(found, np.full(len(found), place + 0.28), ".", color=PALE, markersize=5)
        axes.plot(mean, place, "o", color="white", markeredgecolor=colour, markersize=5.5, markeredgewidth=1.6, zorder=4)


def _colour(differences: NDArray[np.float64], comparisons: int) -> str:
    """Return the colour of what the interval shows, of those that hold together."""
    mean, half = float(differences.mean()), float(half_width(differences, comparisons))
    return OPEN if abs(mean) <= half else HIGHER if mean > 0 else LOWER


def _bar(axes: Axes, span: NDArray[np.float64], place: int, limits: tuple[float, float], *, ends: bool, **style: Any) -> None:
    """Draw an interval; with `ends`, a stroke says where it ends, and an arrow that it goes on beyond the picture."""
    shown = np.clip(span, *limits)
    axes.plot(shown, [place, place], solid_capstyle="butt", **style)
    for end, at, beyond in zip(span, shown, "<>", strict=True) if ends else ():
        mark, size = ("|", 7.0) if end == at else (beyond, 4.5)
        axes.plot(at, place, mark, color=style["color"], markersize=size, markeredgewidth=1.4, clip_on=False)


def _limits(blocks: Sequence[Block], bound: float) -> tuple[float, float]:
    """Return the ends of the axis: all differences and the intervals for each alone are inside, those together may not be."""
    ends = [0.0]
    for found in (row.differences for block in blocks for row in block.rows):
        if found is not None:
            half = float(half_width(found, 1)) if len(found) > 1 else 0.0
            mean = float(found.mean())
            ends += [*found.tolist(), max(-bound, mean - half), min(bound, mean + half)]
    margin = 0.08 * (max(ends) - min(ends)) or 0.05
    return min(ends) - margin, max(ends) + margin


def _style(axes: Axes, rows: int, limits: tuple[float, float], said: str) -> None:
    axes.set_xlim(*limits)
    for place in range(0, rows, 2):
        axes.axhspan(place - 0.5, place + 0.5, color=BAND, zorder=0, linewidth=0)
    for x in axes.get_xticks():
        if limits[0] <= x <= limits[1]:
            axes.plot([x, x], [-0.5, rows - 0.5], color="#dde1e6", linewidth=0.6, zorder=0.5)
    _text(axes, limits[0], -1, said, PALE)
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.tick_params(axis="x", colors=INK, labelsize=8.5)


def _draw_legend(figure: Figure, document: Ablation) -> None:
    from matplotlib.lines import Line2D

    def line(text: str, **style: Any) -> Line2D:
        return Line2D([], [], label=text, **style)

    marks = [
        line("a run, or its difference", marker=".", color=PALE, linestyle="", markersize=7),
        line("mean of the runs, 95 %", marker="D", color=INK, markersize=5.5, linewidth=1.4),
        line("before the first round", marker="|", color=START, linestyle="", markersize=11, markeredgewidth=2),
    ]
    if document["seeds"] > 1:
        said = ("50 %", "95 %, each alone", "95 %, all together")
        marks += [line(text, color=OPEN, linewidth=bar[2], alpha=bar[3]) for bar, text in zip(BARS, said, strict=True)]
        colours = (("shown to be higher", HIGHER), ("shown to be lower", LOWER), ("not shown", OPEN))
        marks += [line(text, color=colour, linewidth=4) for text, colour in colours]
    corner = (0.6 * GAP / figure.get_figwidth(), 0.06 / figure.get_figheight())
    figure.legend(handles=marks, loc="lower left", bbox_to_anchor=corner, ncols=3, frameon=False, fontsize=8.5, borderpad=0)

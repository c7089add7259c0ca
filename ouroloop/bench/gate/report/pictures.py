"""The gate's benchmark as a picture: power, games, ratios, orders and nulls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ouroloop.bench.gate.report.grid import BAD, OURS, THEIRS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(document: dict[str, Any], path: Path) -> None:
    """Draw power and games over the true gain, the ratio over the spread, and the bank's order, to a PNG file.

    A document that lacks one of the sections draws nothing.
    """
    if not all(name in document for name in ("power", "screen", "nulls", "coverage")):
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(17, 7.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 4)
    _power(axes[0, 0], document["power"]["curve"])
    _games(axes[0, 1], document["power"]["curve"])
    _ratio(axes[0, 2], document["power"])
    for axis, (size, board) in zip(axes[1, :2], document["screen"]["boards"].items(), strict=True):
        _order(axis, size, board)
    _nulls(axes[1, 2], document["nulls"])
    _optimum(axes[0, 3], document["power"]["optimum"])
    _coverage(axes[1, 3], document["coverage"])
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    figure.suptitle(f"ouroloop bench gate, seed {document['seed']}: {document['machine']['processor']}", fontsize=9)
    figure.savefig(path, dpi=110)


def _power(axis: Axes, curve: list[dict[str, Any]]) -> None:
    gains = [point["gain"] for point in curve]
    axis.plot(gains, [point["power"] for point in curve], "o-", color=OURS, label="the gate")
    label = f"paired t-test, {curve[0]['t_test_pairs']} pairs"
    axis.plot(gains, [point["t_test_power"] for point in curve], "s--", color=THEIRS, label=label)
    axis.axhline(0.05, color="0.6", linewidth=1)
    axis.set(xlabel="true gain of utility", ylabel="accepted", title="what gets in (spread 0.2, alpha 0.05)")
    axis.legend(frameon=False)


def _games(axis: Axes, curve: list[dict[str, Any]]) -> None:
    gains = [point["gain"] for point in curve]
    axis.plot(gains, [point["pairs"] for point in curve], "o-", color=OURS, label="the gate, mean")
    axis.axhline(curve[0]["t_test_pairs"], color=THEIRS, linestyle="--", label="paired t-test of power 0.9")
    axis.set(
        xlabel="true gain of utility", ylabel="pairs of games", title="what it takes", ylim=(0, 1.4 * curve[0]["t_test_pairs"])
    )
    axis.legend(frameon=False, loc="upper left")


def _ratio(axis: Axes, found: dict[str, Any]) -> None:
    rows = found["by_spread"]
    axis.plot([row["spread"] for row in rows], [row["ratio"] for row in rows], "o-", color=OURS, label="simulated")
    for size, row in found["real"].items():
        axis.plot(row["spread"], row["ratio"], "D", color=BAD, label=f"real players, {size} x {size}")
    axis.axhline(0.7, color="0.6", linewidth=1)
    axis.set(xlabel="standard deviation of a paired difference", ylabel="pairs over the t-test's", ylim=(0, 1.1))
    axis.set_title(f"a true gain of {found['gain']:g}, equal error and power")
    axis.legend(frameon=False)


def _order(axis: Axes, size: str, board: dict[str, Any]) -> None:
    for rejected, color, label in ((False, OURS, "goes on to play"), (True, BAD, "rejected")):
        points = [(merit, utility) for merit, utility, out in board["points"] if bool(out) is rejected]
        axis.plot([p[0] for p in points], [p[1] for p in points], "o", color=color, alpha=0.7, label=label)
    axis.set(
        xlabel="merit on the bank",
        ylabel="utility in games",
        title=f"A* screen, {size} x {size}: rank correlation {board['spearman']:g}",
    )
    axis.legend(frameon=False)


def _nulls(axis: Axes, found: dict[str, Any]) -> None:
    rows = found["simulated"]["series"]
    rates = [rows["runs_accepting"], rows["runs_accepting_by_t_test"], rows["runs_accepting_by_mean"]]
    bars = axis.bar(
        ["the gate", "t-test, p < 0.05", "higher mean"], [100 * n / rows["runs"] for n in rates], color=[OURS, THEIRS, BAD]
    )
    axis.bar_label(bars, fmt="%.1f %%")
    axis.axhline(100 * found["alpha"], color="0.4", linewidth=1)
    axis.set(ylabel="% of runs", title=f"runs that accept any of {found['candidates']} nulls")


def _optimum(axis: Axes, rows: list[dict[str, Any]]) -> None:
    optima = [row["optimum"] for row in rows]
    axis.plot([0, 1], [0, 1], "--", color="0.6", linewidth=1, label="the optimum")
    axis.plot(optima, [row["power_last_look"] for row in rows], "D", color=THEIRS, label="the gate, last look")
    axis.plot(optima, [row["power"] for row in rows], "o", color=OURS, label="the gate")
    axis.set(xlabel="largest power that a test can have", ylabel="power")
    axis.set_title(f"beside the optimum (level {rows[0]['level']:g}, {rows[0]['games']} pairs)")
    axis.legend(frameon=False)


def _coverage(axis: Axes, found: dict[str, Any]) -> None:
    games = min(row["games"] for row in found["rows"])
    rows = [row for row in found["rows"] if row["games"] == games and row["lost"] == "anywhere"]
    filled = [f"{100 * row['filled']:g}" for row in rows]
    axis.plot(filled, [100 * row["cover"] for row in rows], "o-", color=OURS, label="by betting")
    axis.plot(filled, [100 * row["cover_bootstrap"] for row in rows], "s--", color=BAD, label="bootstrap")
    axis.axhline(95, color="0.6", linewidth=1)
    axis.set(xlabel="boards filled, %", ylabel="cover of a 95 % interval, %", title=f"mean scores of {games} games")
    axis.legend(frameon=False)

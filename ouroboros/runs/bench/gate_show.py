"""The gate's benchmark as tables and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, THEIRS, BAD = "#1f6f54", "#c0622d", "#b03a2e"


def tables(document: dict[str, Any]) -> list[Table]:
    """Return a table for each question."""
    parts = (nulls, power, defaults, real_power, races, mixed, screen, attribution, rollback, cost)
    return [part(document) for part in parts]


def nulls(document: dict[str, Any]) -> Table:
    """Return how many runs of candidates that are no better accepted any."""
    found = document["nulls"]
    names = (
        "runs that accept any null",
        "runs",
        "the gate",
        "at most (95 %)",
        "t-test, same levels",
        "t-test p < 0.05",
        "higher mean",
    )
    table = Table(*names, pad_edge=False)
    for rule, row in found["simulated"].items():
        others = ("_by_t_test_at_the_same_levels", "_by_t_test", "_by_mean")
        rates = [str(row[f"runs_accepting{other}"]) for other in others]
        label = f"{rule}, {found['candidates']} candidates"
        table.add_row(label, str(row["runs"]), str(row["runs_accepting"]), f"{row['upper_95']:.2%}", *rates)
        for kind, part in row["by_kind"].items():
            rates = [str(part[f"accepting{other}"]) for other in others[:2]]
            table.add_row(f"  {kind}", str(part["runs"]), str(part["accepting"]), f"{part['upper_95']:.2%}", *rates, "")
    real, control = found["real"], found["control"]
    label = f"real games, {real['candidates']} no-op or worse patches"
    table.add_row(label, str(real["runs"]), str(real["runs_accepting"]), f"{real['upper_95']:.2%}", "", "", "")
    label = f"control: a gate of {control['budget']} times the budget"
    table.add_row(label, str(control["runs"]), str(control["runs_accepting"]), "", "", "", "")
    return table


def power(document: dict[str, Any]) -> Table:
    """Return games and power beside the fixed-size t-test, and beside the best that any test could do."""
    found = document["power"]
    names = (
        "spread",
        "power",
        "pairs",
        "t-test of equal power",
        "ratio",
        "Wald's",
        "two-sided t-test",
        "pairs until -0.1 is gone",
    )
    title = f"a true gain of {found['gain']:g} at alpha {found['alpha']:g}, by the spread of a paired difference"
    table = Table(*names, pad_edge=False, title=title, title_justify="left")
    keys = ("spread", "power", "pairs", "t_test_pairs", "ratio", "wald_ratio", "t_test_pairs_two_sided")
    for row, lost in zip(found["by_spread"], found["worse_by_0.1"], strict=True):
        table.add_row(*(f"{row[key]:g}" for key in keys), f"{lost['pairs']:g}")
    return table


def defaults(document: dict[str, Any]) -> Table:
    """Return what a recipe's default number of games finds, by spread, level and true gain."""
    rows = document["power"]["defaults"]
    gains = sorted({row["gain"] for row in rows})
    table = Table("default number of games", *(f"gain {gain:g}" for gain in gains), pad_edge=False)
    cases: dict[str, list[str]] = {}
    for row in rows:
        label = f"spread {row['spread']:g}, level {row['level']:g}"
        cases.setdefault(label, []).append(f"{row['power']:.1%}, {row['pairs']:g} pairs")
    for label, found in cases.items():
        table.add_row(label, *found)
    return table


def real_power(document: dict[str, Any]) -> Table:
    """Return the same for players of real games."""
    table = Table("real players on", "true gain", "spread", "power", "pairs", "t-test of equal power", "ratio", pad_edge=False)
    for size, row in document["power"]["real"].items():
        figures = (row["gain"], row["spread"], row["power"], row["pairs"], row["t_test_pairs"], row["ratio"])
        table.add_row(f"{size} x {size}", *(f"{value:g}" for value in figures))
    return table


def races(document: dict[str, Any]) -> Table:
    """Return who wins a race of eight, and what it costs."""
    found = document["races"]
    table = Table(
        "races of eight with true gains of", *found["won_by_gain"], "games of a race; of separate tests", pad_edge=False
    )
    games = f"{found['games']:g}; {found['games_of_separate_tests']:g}"
    table.add_row(f"winners of {found['races']}", *map(str, found["won_by_gain"].values()), games)
    return table


def mixed(document: dict[str, Any]) -> Table:
    """Return false discoveries and power where half of the candidates are better."""
    names = (
        "runs of good and useless candidates",
        "false discovery rate",
        "runs accepting a useless one",
        "good ones accepted",
    )
    table = Table(*names, pad_edge=False)
    for rule, row in document["races"]["mixed"].items():
        figures = (f"{row['false_discovery_rate']:.2%}", f"{row['runs_accepting_useless']} of {row['runs']}")
        table.add_row(f"{rule}, {row['tests']} races", *figures, f"{row['good_accepted']:.1%}")
    return table


def screen(document: dict[str, Any]) -> Table:
    """Return how well the bank orders controllers, and in what time."""
    table = Table(
        "A* screen on",
        "controllers",
        "rank correlation",
        "95 %",
        "rejected",
        "of the best quarter",
        "ms a candidate (worst)",
        pad_edge=False,
    )
    for size, row in document["screen"]["boards"].items():
        times = ", ".join(f"{box} {ms['median']:g} ({ms['max']:g})" for box, ms in row["ms"].items())
        bounds = f"{row['spearman_low']:g} .. {row['spearman_high']:g}"
        figures = (row["controllers"], row["spearman"], bounds, row["rejected"], row["rejected_of_best_quarter"])
        table.add_row(f"{size} x {size}", *map(str, figures), times)
    return table


def attribution(document: dict[str, Any]) -> Table:
    """Return bias and coverage, the worst over effects, and who was named in runs."""
    table = Table("attribution", "bias / effect", "coverage of 95 % intervals", pad_edge=False)
    cases: dict[str, list[dict[str, Any]]] = {}
    for row in (*document["attribution"]["rows"], *document["attribution"]["limits"]):
        cases.setdefault(row["case"], []).append(row)
    for case, rows in cases.items():
        covered = [row["coverage"] for row in rows if row["width"] > 0]
        bias = max((abs(row["bias"]) for row in rows if row["truth"] != 0), default=0.0)
        beyond = rows[0] in document["attribution"]["limits"]
        label = f"beyond its limits: {case}" if beyond else case
        table.add_row(label, "" if beyond else f"{bias:.2%}", f"{min(covered):.1%} .. {max(covered):.1%}")
    found = document["credit"]
    owners = ", ".join(f"{owner}: {count}" for owner, count in found["owners"].items())
    table.add_row(
        f"a good patch with a bad reward: patch named in {found['patch_named']} of {found['accepted']} runs", "", owners
    )
    return table


def rollback(document: dict[str, Any]) -> Table:
    """Return what became of planted patches."""
    names = (
        "a planted patch that costs",
        "planted",
        "found in 3 rounds",
        "after 1, 2, 3",
        "workspace exact",
        "later kept",
        "later gone",
        "needless",
    )
    table = Table(*names, pad_edge=False)
    for loss, row in document["rollback"]["by_cost"].items():
        after = ", ".join(str(count) for count in row["found_after_rounds"].values())
        figures = (row["planted"], row["found"], after, row["workspace_exact"], row["later_patches_kept"])
        table.add_row(loss, *map(str, figures), str(row["later_patches_gone_with_it"]), str(row["rolled_back_without_need"]))
    equal = document["rollback"]["equal_states"]
    label = f"none: {equal['states']} equal states, {equal['rounds']} rounds"
    table.add_row(label, str(equal["runs"]), "", "", "", "", "", str(equal["states_rolled_back"]))
    return table


def cost(document: dict[str, Any]) -> Table:
    """Return what a decision costs."""
    found = document["cost"]
    table = Table("a decision on 10x10, CPU ms", "value", pad_edge=False)
    table.add_row(f"games (median of {found['pairs_median']:g} pairs)", f"{found['games_ms_median']:g}")
    table.add_row("all else, median", f"{found['beyond_ms_median']:g}")
    for verdict, ms in found["beyond_ms_by_verdict"].items():
        table.add_row(f"all else, {verdict}", f"{ms:g}")
    table.add_row("all else, worst", f"{found['beyond_ms_worst']:g}")
    return table


def plot(document: dict[str, Any], path: Path) -> None:
    """Draw power and games over the true gain, the ratio over the spread, and the bank's order, to a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    _power(axes[0, 0], document["power"]["curve"])
    _games(axes[0, 1], document["power"]["curve"])
    _ratio(axes[0, 2], document["power"])
    for axis, (size, board) in zip(axes[1, :2], document["screen"]["boards"].items(), strict=True):
        _order(axis, size, board)
    _nulls(axes[1, 2], document["nulls"])
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    figure.suptitle(f"ouroboros bench gate, seed {document['seed']}: {document['machine']['processor']}", fontsize=9)
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
    axis.set(xlabel="true gain of utility", ylabel="pairs of games", title="what it takes", ylim=(0, None))
    axis.legend(frameon=False)


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

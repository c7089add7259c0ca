"""The gate's benchmark as tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def grid(names: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """Return a table of these columns; numbers are written short."""
    table = Table(*names, pad_edge=False, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:g}" if isinstance(value, float) else str(value) for value in row))
    return table


def nulls(document: dict[str, Any]) -> Table:
    """Return how many runs of candidates that are no better accepted any."""
    found = document["nulls"]
    names = ("runs that accept any null", "runs", "gate", "at most (95 %)", "t-test at its levels", "p < 0.05", "higher mean")
    keys = ("accepting_by_t_test_at_the_same_levels", "accepting_by_t_test")
    rows: list[Sequence[object]] = []
    for rule, all_ in found["simulated"].items():
        figures = (all_["runs"], all_["runs_accepting"], f"{all_['upper_95']:.2%}")
        others = (*(all_[f"runs_{key}"] for key in keys), all_["runs_accepting_by_mean"])
        rows.append((f"{rule}, {found['candidates']} candidates", *figures, *others))
        for kind, part in all_["by_kind"].items():
            rows.append((f"  {kind}", part["runs"], part["accepting"], f"{part['upper_95']:.2%}", *(part[k] for k in keys), ""))
    real, control = found["real"], found["control"]
    label = f"real games, {real['candidates']} no-op or worse patches"
    rows.append((label, real["runs"], real["runs_accepting"], f"{real['upper_95']:.2%}"))
    rows.append((f"control: a gate of {control['budget']} times the budget", control["runs"], control["runs_accepting"]))
    return grid(names, rows)


def power(document: dict[str, Any]) -> Table:
    """Return games and power beside the fixed-size t-test, and beside the best that any test could do."""
    found = document["power"]
    names = ("spread", "power", "pairs", "t-test's", "ratio", "Wald's ratio", "two-sided t-test's", "pairs until -0.1 is gone")
    keys = ("spread", "power", "pairs", "t_test_pairs", "ratio", "wald_ratio", "t_test_pairs_two_sided")
    pairs = zip(found["by_spread"], found["worse_by_0.1"], strict=True)
    title = f"a true gain of {found['gain']:g} at alpha {found['alpha']:g}, beside a t-test of equal error and power"
    return grid(names, ((*(row[key] for key in keys), lost["pairs"]) for row, lost in pairs), title)


def defaults(document: dict[str, Any]) -> Table:
    """Return what a recipe's default number of games finds, by spread, level and true gain."""
    rows = document["power"]["defaults"]
    cases: dict[str, list[str]] = {}
    for row in rows:
        label = f"spread {row['spread']:g}, level {row['level']:g}"
        cases.setdefault(label, []).append(f"{row['power']:.1%}, {row['pairs']:g} pairs")
    gains = (f"gain {gain:g}" for gain in sorted({row["gain"] for row in rows}))
    return grid(("default number of games", *gains), ((label, *found) for label, found in cases.items()))


def real_power(document: dict[str, Any]) -> Table:
    """Return the same for players of real games."""
    names = ("real players on", "true gain", "spread", "power", "pairs", "t-test's", "ratio")
    keys = ("gain", "spread", "power", "pairs", "t_test_pairs", "ratio")
    return grid(names, ((f"{n} x {n}", *(row[key] for key in keys)) for n, row in document["power"]["real"].items()))


def races(document: dict[str, Any]) -> Table:
    """Return who wins a race of eight, and what it costs."""
    found = document["races"]
    names = ("races of eight with true gains of", *found["won_by_gain"], "games of a race", "of separate tests")
    games = (found["games"], found["games_of_separate_tests"])
    return grid(names, [(f"winners of {found['races']}", *found["won_by_gain"].values(), *games)])


def mixed(document: dict[str, Any]) -> Table:
    """Return false discoveries and power where half of the candidates are better."""
    names = ("runs of good and useless ones", "false discovery rate", "runs accepting a useless one", "good ones accepted")
    rows = []
    for rule, row in document["races"]["mixed"].items():
        useless = f"{row['runs_accepting_useless']} of {row['runs']}"
        rates = (f"{row['false_discovery_rate']:.2%}", useless, f"{row['good_accepted']:.1%}")
        rows.append((f"{rule}, {row['tests']} races", *rates))
    return grid(names, rows)


def screen(document: dict[str, Any]) -> Table:
    """Return how well the bank orders controllers, whom it rejects with each of them as incumbent, and in what time."""
    names = ("A* screen on", "controllers", "rank correlation", "95 %", "pairs rejected", "of the best quarter", "ms (worst)")
    rows = []
    for size, row in document["screen"]["boards"].items():
        times = ", ".join(f"{box} {ms['median']:g} ({ms['max']:g})" for box, ms in row["ms"].items())
        bounds = f"{row['spearman_low']:g} .. {row['spearman_high']:g}"
        any_ = row["any_incumbent"]
        rejected = (f"{any_['rejected']} of {any_['pairs']}", any_["best"])
        rows.append((f"{size} x {size}", row["controllers"], row["spearman"], bounds, *rejected, times))
    return grid(names, rows)


def attribution(document: dict[str, Any]) -> Table:
    """Return bias and coverage, the worst over effects, and who was named in runs."""
    found, credit = document["attribution"], document["credit"]
    rows: list[Sequence[object]] = []
    for part, before in (("rows", ""), ("limits", "beyond its limits: ")):
        cases: dict[str, list[dict[str, Any]]] = {}
        for row in found[part]:
            cases.setdefault(row["case"], []).append(row)
        for case, own in cases.items():
            covered = [row["coverage"] for row in own if row["width"] > 0]
            bias = max((abs(row["bias"]) for row in own if row["truth"] != 0), default=0.0)
            coverage = f"{min(covered):.1%} .. {max(covered):.1%}"
            rows.append((before + case, "" if before else f"{bias:.2%}", coverage))
    owners = ", ".join(f"{owner}: {count}" for owner, count in credit["owners"].items())
    named = f"patch named in {credit['patch_named']} of {credit['accepted']} runs"
    rows.append(("a good patch with a bad reward", named, owners))
    return grid(("attribution", "bias / effect", "coverage of 95 % intervals"), rows)


def rollback(document: dict[str, Any]) -> Table:
    """Return what became of planted patches, and of states that are all equal."""
    found = document["rollback"]
    names = ("planted, costs", "runs", "found in 3 rounds", "after 1, 2, 3", "exact", "later kept", "later gone", "needless")
    keys = ("workspace_exact", "later_patches_kept", "later_patches_gone_with_it", "rolled_back_without_need")
    rows: list[Sequence[object]] = []
    for loss, row in found["by_cost"].items():
        after = ", ".join(str(count) for count in row["found_after_rounds"].values())
        rows.append((loss, row["planted"], row["found"], after, *(row[key] for key in keys)))
    equal = found["equal_states"]
    label = f"none: {equal['states']} equal states, {equal['rounds']} rounds"
    rows.append((label, equal["runs"], "", "", "", "", "", equal["states_rolled_back"]))
    return grid(names, rows)


def cost(document: dict[str, Any]) -> Table:
    """Return what a decision costs."""
    found = document["cost"]
    rows = [
        (f"games (median of {found['pairs_median']:g} pairs)", found["games_ms_median"]),
        ("all else, median", found["beyond_ms_median"]),
        *((f"all else, {verdict}", ms) for verdict, ms in found["beyond_ms_by_verdict"].items()),
        ("all else, worst", found["beyond_ms_worst"]),
    ]
    return grid(("a decision on 10x10, CPU ms", "value"), rows)


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

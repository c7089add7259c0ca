"""The result of an ablation for people: tables of the comparison and of the probes, and a sentence per arm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import numpy as np
from rich.table import Table
from rich.text import Text

from ouroloop.inspect.ablation.document import (
    MEASURES,
    Ablation,
    Comparison,
    Estimated,
    Figure,
    MainEffect,
    Measure,
    VariedRun,
)
from ouroloop.protocols.text import counted, plain_line


def _share(value: float) -> str:
    return f"{value:.1%}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


Shown: TypeAlias = dict[str, tuple[Figure | Literal["tokens"], Callable[[float], str]]]
"""Column -> the figure of a run whose mean over an arm it shows, and how that is written."""
ERRORS: Final[Shown] = {
    "misread": ("read_errors", _share),
    "wrong plan": ("reason_errors", _share),
    "its regret": ("reason_regret", "{:.3f}".format),
    "bad move": ("act_errors", _share),
}
COSTS: Final[Shown] = {
    "tokens a decision": ("tokens_per_decision", _whole),
    "decisions/s": ("decisions_per_s", _whole),
    "ms, median": ("latency_p50_ms", "{:.1f}".format),
    "ms, 95 %": ("latency_p95_ms", "{:.1f}".format),
    "MB": ("memory_mb", _whole),
    "roles' tokens": ("tokens", _whole),
}


def tables(document: Ablation) -> list[Table]:
    """Return the compared measure with its intervals, the main effects, the other measures, and what the probes found."""
    found = [_compared(document), _others(document)]
    if document["effects"]:
        found.insert(1, _effects(document))
    if any(run["memory_mb"] is not None for run in document["runs"]):
        found += [
            _means(document, "decisions of the last incumbent that went wrong, mean over seeds", ERRORS),
            _means(document, "what its decisions took, and the tokens of the run's roles; mean over seeds", COSTS),
        ]
    return found


def _compared(document: Ablation) -> Table:
    baseline, measure, arms = document["values"][0], document["measure"], len(document["values"])
    together = "95 % interval" if arms == 2 else "95 % together"
    table = _table(document["vary"], _said(measure), "minus the first", together, "sd over seeds")
    table.title = Text(f"{plain_line(document['vary'])}: {_said(measure)} over {counted(document['seeds'], 'paired seed')}")
    for row in _rows(document, measure):
        if row["value"] == baseline:
            table.add_row(_name(baseline), f"{row['mean']:.3f}", "", "", "")
            continue
        table.add_row(_name(row["value"]), f"{row['mean']:.3f}", *_estimate(row))
    return table


def _effects(document: Ablation) -> Table:
    """Return the main effects with their intervals, which hold together."""
    together = "95 % interval" if len(document["effects"]) == 1 else "95 % together"
    table = _table("key", "value", "minus the first", together, "sd over seeds")
    table.title = f"main effects on {_said(document['measure'])}: a value minus its key's first, mean over the other keys"
    table.columns[1].justify = "left"
    for row in document["effects"]:
        table.add_row(_name(row["key"]), _name(f"{row['value']} (not {row['first']})"), *_estimate(row))
    return table


def _estimate(row: Estimated) -> tuple[str, str, str]:
    """Return a difference, its interval and its spread."""
    bounds = "none" if row["low"] is None else f"[{row['low']:+z.3f}, {row['high']:+z.3f}]"
    return f"{row['difference']:+z.3f}", bounds, "" if row["sd"] is None else f"{row['sd']:.3f}"


def _others(document: Ablation) -> Table:
    """Return the means of the other measures, and how far they are from the first arm's."""
    others = [measure for measure in MEASURES if measure != document["measure"]]
    table = _table(document["vary"], *map(_said, others))
    table.title = "beside it, without a test: mean (minus the first)"
    for arm in document["values"]:
        cells = [next(row for row in _rows(document, measure) if row["value"] == arm) for measure in others]
        first = arm == document["values"][0]
        shown = [f"{row['mean']:.3f}" + ("" if first else f" ({row['difference']:+z.3f})") for row in cells]
        table.add_row(_name(arm), *shown)
    return table


def _means(document: Ablation, title: str, figures: Shown) -> Table:
    """Return the means of figures over each arm's runs; a figure that no run of the arm has is left out."""
    table = _table(document["vary"], *figures)
    table.title = title
    for arm in document["values"]:
        shown = []
        for figure, said in figures.values():
            found = [_figure(run, figure) for run in document["runs"] if run["value"] == arm]
            known = [value for value in found if value is not None]
            shown.append(said(float(np.mean(known))) if known else "")
        table.add_row(_name(arm), *shown)
    return table


def _figure(run: VariedRun, figure: Figure | Literal["tokens"]) -> float | None:
    return run["tokens"] if figure == "tokens" else run[figure]


def _table(first: str, *names: str) -> Table:
    table = Table(pad_edge=False, title_justify="left")
    table.add_column(_name(first), overflow="fold")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _name(given: str) -> Text:
    """Return what the user named, as text and not as markup."""
    return Text(plain_line(given))


def _rows(document: Ablation, measure: Measure) -> list[Comparison]:
    return [row for row in document["comparison"] if row["measure"] == measure]


def _said(measure: Measure) -> str:
    return measure.replace("_", " ")


def sentences(document: Ablation) -> list[str]:
    """Return what the baseline is, what the comparison shows of each arm, what it would need, and which runs stopped early."""
    baseline, measure, seeds = document["values"][0], document["measure"], document["seeds"]
    rows = [row for row in _rows(document, measure) if row["value"] != baseline]
    lines = []
    if document["plan"] == "one-at-a-time" and len(document["settings"][baseline]) > 1:
        lines.append(f"{baseline}: {plain_line(', '.join(f'{k}={v}' for k, v in document['settings'][baseline].items()))}")
    if seeds == 1:
        lines.append("one seed: no interval; --seeds 5 or more gives one")
    else:
        lines += [_sentence(document, row) for row in rows]
        lines += [_of_effect(document, row) for row in document["effects"]]
    for status in sorted({run["status"] for run in document["runs"]} - {"done"}):
        named = [run["run"] for run in document["runs"] if run["status"] == status]
        lines.append(
            f"{'without a single proposal' if status == 'failed' else f'{status} before the last round'}: {', '.join(named)}"
        )
    return lines


def _sentence(document: Ablation, row: Comparison) -> str:
    arm, baseline, low, high = plain_line(row["value"]), document["values"][0], row["low"], row["high"]
    if _digests(document, row["value"]) == _digests(document, baseline):
        return f"{arm}: the same runs as {plain_line(baseline)}, move for move: the setting had no effect"
    if row["difference"] == 0 and row["sd"] == 0:
        return f"{arm}: the same {_said(document['measure'])} as {plain_line(baseline)} with every seed"
    if low is None or high is None:
        return f"{arm}: no interval, since all {document['seeds']} differences are equal: more seeds would show how they vary"
    if low > 0 or high < 0:
        return f"{arm}: {_said(document['measure'])} is {'higher' if low > 0 else 'lower'} than {plain_line(baseline)}'s"
    return f"{arm}: {_no_difference(row)}"


def _of_effect(document: Ablation, row: MainEffect) -> str:
    """Return what a main effect shows."""
    value, low, high = plain_line(f"{row['key']}={row['value']}"), row["low"], row["high"]
    if low is None or high is None:
        return f"{value} over all other keys: no interval, since all {document['seeds']} differences are equal"
    if low > 0 or high < 0:
        better = "higher" if low > 0 else "lower"
        return f"{value} over all other keys: {_said(document['measure'])} is {better} than with {plain_line(row['first'])}"
    return f"{value} over all other keys: {_no_difference(row)}"


def _no_difference(row: Estimated) -> str:
    needed = row["seeds_needed"]
    more = "more than 10000" if needed is None else f"about {needed}"
    return f"no difference shown; one of {row['difference']:+z.3f} would need {more} seeds (in 80 % of ablations)"


def _digests(document: Ablation, arm: str) -> list[str]:
    return [run["digest"] for run in document["runs"] if run["value"] == arm]

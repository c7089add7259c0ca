"""The result of an ablation for people: a table of the compared measure, one of the others, and a sentence per arm."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ouroloop.inspect.ablation.document import MEASURES, Ablation, Comparison, Measure
from ouroloop.protocols.text import plain_line


def tables(document: Ablation) -> list[Table]:
    """Return the compared measure with its intervals, and the other measures without."""
    return [_compared(document), _others(document)]


def _compared(document: Ablation) -> Table:
    baseline, measure, arms = document["values"][0], document["measure"], len(document["values"])
    together = "95 % interval" if arms == 2 else "95 % together"
    table = _table(document, _said(measure), "minus the first", together, "sd over seeds")
    table.title = Text(f"{plain_line(document['vary'])}: {_said(measure)} over {document['seeds']} paired seeds")
    for row in _rows(document, measure):
        if row["value"] == baseline:
            table.add_row(_name(baseline), f"{row['mean']:.3f}", "", "", "")
            continue
        bounds = "none" if row["low"] is None else f"[{row['low']:+z.3f}, {row['high']:+z.3f}]"
        sd = "" if row["sd"] is None else f"{row['sd']:.3f}"
        table.add_row(_name(row["value"]), f"{row['mean']:.3f}", f"{row['difference']:+z.3f}", bounds, sd)
    return table


def _others(document: Ablation) -> Table:
    """Return the means of the other measures, and how far they are from the first arm's."""
    others = [measure for measure in MEASURES if measure != document["measure"]]
    table = _table(document, *map(_said, others))
    table.title = "beside it, without a test: mean (minus the first)"
    for arm in document["values"]:
        cells = [next(row for row in _rows(document, measure) if row["value"] == arm) for measure in others]
        first = arm == document["values"][0]
        shown = [f"{row['mean']:.3f}" + ("" if first else f" ({row['difference']:+z.3f})") for row in cells]
        table.add_row(_name(arm), *shown)
    return table


def _table(document: Ablation, *names: str) -> Table:
    table = Table(pad_edge=False, title_justify="left")
    table.add_column(_name(document["vary"]), overflow="fold")
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
    """Return what the comparison shows of each arm, what it would need, and which runs stopped early."""
    baseline, measure, seeds = document["values"][0], document["measure"], document["seeds"]
    rows = [row for row in _rows(document, measure) if row["value"] != baseline]
    lines = ["one seed: no interval; --seeds 5 or more gives one"] if seeds == 1 else [_sentence(document, row) for row in rows]
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
    needed = row["seeds_needed"]
    more = "more than 10000" if needed is None else f"about {needed}"
    return f"{arm}: no difference shown; one of {row['difference']:+z.3f} would need {more} seeds (in 80 % of ablations)"


def _digests(document: Ablation, arm: str) -> list[str]:
    return [run["digest"] for run in document["runs"] if run["value"] == arm]

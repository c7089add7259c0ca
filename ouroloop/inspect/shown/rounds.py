"""The table of a run's rounds: every candidate with its verdict, the reason, and the measured effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from ouroloop.terminal import cell

if TYPE_CHECKING:
    from ouroloop.inspect.document import Candidate, Played, Round, RunDocument

STYLES: Final = {"accepted": "bold green", "rejected": "red", "rolled_back": "yellow", "pending": "dim"}
WIDE: Final = 130
"""The columns of a terminal from which on the effect, the pairs and the score have columns of their own."""
NOTHING: Final = "no role gave a candidate"


def rounds_table(document: RunDocument, width: int) -> Table:
    """Return the table of rounds: mode, candidate, verdict and reason, effect with bounds, games.

    Args:
        document: the run's.
        width: the columns of the terminal.
    """
    table = wide(document) if width >= WIDE else narrow(document)
    table.title, table.title_justify = f"{document['run']}: {document['status']}", "left"
    return table


def wide(document: RunDocument) -> Table:
    """Return the table with a column for each figure."""
    table = _table("round", "mode", "candidate", "verdict", "layer: reason", "effect [95 %]", "pairs", "score after")
    table.columns[6].justify = "right"
    if document["start"]:
        table.add_row("", "start", "", "", "", "", "", _score(document["start"]))
    for entry in document["rounds"]:
        rows = [_wide_row(candidate) for candidate in entry["candidates"]] or [["", "", NOTHING, "", ""]]
        for i, row in enumerate(rows):
            head = [str(entry["index"]), entry["mode"]] if i == 0 else ["", ""]
            tail = _score(entry["incumbent"]) if i == len(rows) - 1 and entry["incumbent"] else ""
            table.add_row(*head, *row, tail)
        table.add_section()
    return table


def _wide_row(candidate: Candidate) -> list[str | Text]:
    effect = candidate["effect"]
    pairs = str(effect["games"]) if effect else ""
    return [candidate["id"], _verdict(candidate), _reason(candidate), effect_of(candidate), pairs]


def narrow(document: RunDocument) -> Table:
    """Return the table with a line for each round, and the figures of a candidate below its reason."""
    table = _table("round", "candidate", "verdict", "layer: reason")
    if document["start"]:
        table.add_row("", "start", "", f"score {_score(document['start'])}", end_section=True)
    for entry in document["rounds"]:
        table.add_row(str(entry["index"]), "", "", _round(entry))
        for candidate in entry["candidates"]:
            effect = candidate["effect"]
            below = f"\n{effect_of(candidate)} in {effect['games']} pairs" if effect else ""
            table.add_row("", candidate["id"], _verdict(candidate), _reason(candidate) + below)
        table.add_section()
    return table


def _round(entry: Round) -> str:
    said = entry["mode"] if entry["candidates"] else f"{entry['mode']}: {NOTHING}"
    return f"{said}; score after {_score(entry['incumbent'])}" if entry["incumbent"] else said


def _table(*names: str) -> Table:
    table = Table(pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=name in ("candidate", "verdict", "effect [95 %]", "score after"))
    table.columns[0].justify = "right"
    return table


def _verdict(candidate: Candidate) -> Text:
    return cell(candidate["verdict"], STYLES[candidate["verdict"]])


def _reason(candidate: Candidate) -> str:
    return f"{candidate['layer']}: {candidate['reason']}" if candidate["layer"] else ""


def effect_of(candidate: Candidate) -> str:
    """Return a candidate's effect on utility with its bounds; nothing if it played no games."""
    effect = candidate["effect"]
    return f"{effect['utility']:+z.3f} [{effect['low']:+z.2f}, {effect['high']:+z.2f}]" if effect else ""


def _score(incumbent: Played) -> str:
    score = incumbent["score"]
    return f"{score['mean']:.1f} [{score['low']:.1f}, {score['high']:.1f}]"

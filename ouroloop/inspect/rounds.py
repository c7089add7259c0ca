"""The table of a run's rounds: every candidate with its verdict, the reason, and the measured effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

    from ouroloop.inspect.document import Candidate, Played, RunDocument

STYLES: Final = {"accepted": "bold green", "rejected": "red", "rolled_back": "yellow", "pending": "dim"}


def rounds_table(document: RunDocument) -> Table:
    """Return the table of rounds: mode, candidate, verdict and reason, effect with bounds, games."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{document['run']}: {document['status']}", title_justify="left", pad_edge=False)
    table.add_column("round", justify="right")
    table.add_column("mode")
    table.add_column("candidate", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("layer: reason", ratio=1)
    table.add_column("effect [95 %]", no_wrap=True)
    table.add_column("pairs", justify="right")
    table.add_column("score after", no_wrap=True)
    if document["start"]:
        table.add_row("", "start", "", "", "", "", "", _score(document["start"]))
    for entry in document["rounds"]:
        candidates: list[Candidate | None] = [*entry["candidates"]] or [None]
        for i, c in enumerate(candidates):
            head = (str(entry["index"]), entry["mode"]) if i == 0 else ("", "")
            tail = _score(entry["incumbent"]) if i == len(candidates) - 1 and entry["incumbent"] else ""
            if c is None:
                table.add_row(*head, "", "", "no role gave a candidate", "", "", tail)
                continue
            effect = c["effect"]
            bounds = f"{effect['utility']:+.3f} [{effect['low']:+.2f}, {effect['high']:+.2f}]" if effect else ""
            verdict = Text(c["verdict"], style=STYLES[c["verdict"]])
            table.add_row(
                *head, c["id"], verdict, f"{c['layer']}: {c['reason']}", bounds, str(effect["games"]) if effect else "", tail
            )
        table.add_section()
    return table


def _score(incumbent: Played) -> str:
    score = incumbent["score"]
    return f"{score['mean']:.1f} [{score['low']:.1f}, {score['high']:.1f}]"

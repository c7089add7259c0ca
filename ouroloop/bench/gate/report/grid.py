"""One table of a benchmark, and the colours of its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

OURS, THEIRS, BAD = "#1f6f54", "#c0622d", "#b03a2e"


def grid(names: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """Return a table with these columns; numbers are written in short form."""
    table = Table(*names, pad_edge=False, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:g}" if isinstance(value, float) else str(value) for value in row))
    return table

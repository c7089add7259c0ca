"""The table of the runs below a folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table

from ouroloop.inspect.shown.sparkline import sparkline

if TYPE_CHECKING:
    from ouroloop.inspect.listing import Listed

WIDE: Final = 110
"""The columns of a terminal from which on dates, seeds, games and costs are shown."""


def listed_table(rows: Sequence[Listed], width: int) -> Table:
    """Return a row for each run, in the order given.

    Args:
        rows: the runs.
        width: the columns of the terminal.
    """
    table = Table("run", "status", pad_edge=False)
    wide = width >= WIDE
    if wide:
        table.add_column("begun")
        table.add_column("seed", justify="right")
    for name in ("rounds", "accepted", "rolled back", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("scores", no_wrap=True)
    if wide:
        for name in ("games", "tokens", "USD"):
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, wide=wide))
    return table


def _cells(row: Listed, *, wide: bool) -> list[str]:
    status = row["status"] if row["fault"] is None else f"{row['status']}: {row['fault']}"
    name = row["run"] + (f" ({', '.join(row['tags'])})" if row["tags"] else "")
    begun = "" if row["began"] is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(row["began"]))
    seed = "" if row["seed"] is None else str(row["seed"])
    score = "" if row["score"] is None else f"{row['score']:.1f}"
    cost = f"{row['cost_usd']:.4f}" if row["cost_usd"] else ""
    counts = [str(row["rounds"]), str(row["accepted"]), str(row["rolled_back"]), score, sparkline(row["scores"])]
    return [
        name,
        status,
        *([begun, seed] if wide else []),
        *counts,
        *([f"{row['games']}", f"{row['tokens']}", cost] if wide else []),
    ]

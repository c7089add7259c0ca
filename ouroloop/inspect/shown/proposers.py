"""The table of a run's proposers: what each has brought, and at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from ouroloop.protocols.text import plain_line
from ouroloop.terminal import cell

if TYPE_CHECKING:
    from ouroloop.inspect.document import Proposer, RunDocument

MINUTE = 60.0
SHARED = "a granted wish counts for the authors of its patch and its reward, with half of its gain each"


def proposers_table(document: RunDocument) -> Table | None:
    """Return the table of proposers; None if none was asked. Tokens and money have columns only where some were used."""
    found = document["proposers"]
    if not found:
        return None
    pairs = any(one["answers"] and one["verdict"] == "accepted" for round in document["rounds"] for one in round["candidates"])
    table = Table(pad_edge=False, title="proposers", title_justify="left", caption=SHARED if pairs else None)
    table.add_column("who")
    columns = ["asked", "passed", "accepted", "gain", "seconds", "gain/min"]
    columns += [key for key, used in (("tokens", "tokens"), ("USD", "cost_usd")) if any(_used(one, used) for one in found)]
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        figures = _figures(one)
        table.add_row(cell(f"{one['slot']}: {plain_line(one['role'], 80)}"), *(figures[name] for name in columns))
    return table


def _used(one: Proposer, key: str) -> float:
    return one["cost_usd"] if key == "cost_usd" else float(one["tokens"])


def _figures(one: Proposer) -> dict[str, str]:
    rate = one["gain"] / one["seconds"] * MINUTE if one["seconds"] else 0.0
    return {
        "asked": str(one["asked"]),
        "passed": str(one["passed"]),
        "accepted": str(one["accepted"]),
        "gain": f"{one['gain']:+.3f}",
        "seconds": f"{one['seconds']:.1f}",
        "gain/min": f"{rate:+.3f}",
        "tokens": str(one["tokens"]),
        "USD": f"{one['cost_usd']:.4f}",
    }

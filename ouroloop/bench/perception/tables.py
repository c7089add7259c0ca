"""The benchmark of perception as tables; sections that were not measured are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ouroloop.bench.gate.tables import measured
from ouroloop.bench.perception.suite import PARTS, part

if TYPE_CHECKING:
    from rich.table import Table


def tables(document: dict[str, Any]) -> list[Table]:
    """Return a table for each section that a document holds."""
    return [part(name).table(document[name]) for name in PARTS if measured(document, name)]

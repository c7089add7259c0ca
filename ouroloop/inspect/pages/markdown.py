"""Markdown of the generated pages."""

from __future__ import annotations

from collections.abc import Mapping


def table(head: tuple[str, ...], rows: Mapping[str, str | tuple[str, ...]]) -> str:
    """Return a table; the first column is code."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, rest in rows.items():
        cells = (rest,) if isinstance(rest, str) else rest
        lines.append(f"| `{name}` | {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)

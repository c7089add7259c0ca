"""The two sides of a hunk: the lines it removes and those it adds."""

from __future__ import annotations

from typing import Any

from ouroloop.protocols.errors import CandidateFault

NO_NEWLINE = "\\ No newline at end of file\n"


def sides(hunk: Any) -> tuple[list[str], list[str]]:
    """Return the lines that a hunk removes and those that it adds, with the context in both."""
    removed: list[str] = []
    added: list[str] = []
    last = ""
    for line in hunk:
        kind, value = line.line_type, line.value
        if kind == "\\":
            if kind + value != NO_NEWLINE or last not in ("-", "+", " "):
                raise CandidateFault("text", f"hunk {title(hunk)}: unknown marker {(kind + value)[:60]!r}")
            for side in [removed] if last == "-" else [added] if last == "+" else [removed, added]:
                side[-1] = side[-1].removesuffix("\n")
        elif kind not in ("-", "+", " "):
            raise CandidateFault("text", f"hunk {title(hunk)}: an empty line after the counted lines")
        else:
            removed += [value] * (kind != "+")
            added += [value] * (kind != "-")
        last = kind
    return removed, added


def title(hunk: Any) -> str:
    """Name a hunk by its header's numbers."""
    return f"@@ -{hunk.source_start},{hunk.source_length} +{hunk.target_start},{hunk.target_length} @@"

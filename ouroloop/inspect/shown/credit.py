"""Who gets the credit for a gain: the shares of the parts with their intervals, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ouroloop.inspect.history import rolled_back_since

if TYPE_CHECKING:
    from ouroloop.inspect.document import Attribution, Part, Round, RunDocument

PARTS: Final[tuple[Part, ...]] = ("reward", "code", "interaction")
ALL_PARTS: Final[tuple[Part, ...]] = (*PARTS, "total")
NAMING: Final = (
    "these intervals hold at 95 % each; a part is named at the level given, which is corrected over the run's rounds"
)


def credit_lines(document: RunDocument) -> list[str]:
    """Return who gets the credit: for each round that accepted something, and for the run so far."""
    lines = [f"round {entry['index']}: {said}" for entry in document["rounds"] if (said := round_credit(entry))]
    measured = [entry for entry in document["rounds"] if entry["attribution_total"]]
    if not measured or (total := measured[-1]["attribution_total"]) is None:
        return lines
    if undone := measured[-1]["undone"]:
        were = "was" if len(undone) == 1 else "were"
        lines.append(f"from the start to now: not measured since {', '.join(undone)} {were} rolled back")
    elif len(lines) > 1:
        lines.append(f"from the start to round {measured[-1]['index']}: {_credit(total)}")
    return lines


def round_credit(entry: Round) -> str | None:
    """Return who gets the credit for a round's gain; None if it was not measured."""
    shares, since = entry["attribution"], rolled_back_since(entry)
    return None if shares is None else _credit(shares) + (f"; {since}" if since else "")


def naming_line(document: RunDocument) -> str | None:
    """Return how attributions are to be read; None if there is none."""
    if not any(entry["attribution"] for entry in document["rounds"]):
        return None
    return NAMING


def share_figures(shares: Attribution, parts: tuple[Part, ...] = PARTS) -> str:
    """Return the estimates of the parts that changed anything, with their intervals."""
    said = []
    for part in parts:
        low, high = shares["intervals"][part]
        if (low, high) != (0, 0):
            said.append(f"{part} {shares[part]:+z.3f} [{low:+z.3f}, {high:+z.3f}]")
    return ", ".join(said) or "none"


def _credit(shares: Attribution) -> str:
    figures = share_figures(shares, ALL_PARTS)
    named = f"{shares['owner']} (named at level {shares['level']:.2g})"
    return f"{named}: {figures} utility over {shares['games']} fresh seeds"

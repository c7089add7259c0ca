"""One round: why it asked for what it did, who was asked, what came, and what it gained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.run import shares_chart
from ouroloop.inspect.page.views.saying import MODES, became, interval
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.inspect.page.reading import Opened


MOST: Final = 200
"""Candidates in the table."""


def round_page(name: str, opened: Opened, index: int) -> Page:
    """Return a round's page. Raises UsageError if the run has no such round."""
    outline = opened.outline
    if index not in outline.rounds:
        has = f"rounds {min(outline.rounds)} to {max(outline.rounds)}" if outline.rounds else "no round yet"
        raise UsageError(f"run {name} has no round {index}: it has {has}")
    entry, found = outline.rounds[index], outline.of_round(index)
    turns = [turn for turn in outline.turns if turn.round == index and turn.kind != "start"]
    data = {
        "run": name,
        "entry": entry,
        "mode": MODES.get(entry.mode or "", entry.mode or "not decided yet"),
        "candidates": found[:MOST],
        "more": max(0, len(found) - MOST),
        "became": became(found, entry.lost),
        "findings": opened.report.findings(index),
        "turns": turns,
        "score": interval(entry.measures),
        "measures": entry.measures,
        "before": index - 1 if index - 1 in outline.rounds else None,
        "after": index + 1 if index + 1 in outline.rounds else None,
        "credit": Markup("") if entry.shares is None else shares_chart(entry.shares, f"whose gain round {index} is"),
    }
    crumbs = (("Runs", ()), (name, ("runs", name)))
    return Page("round.html", f"Round {index}", data, crumbs, run=name, tab="run", watch=index == max(outline.rounds))

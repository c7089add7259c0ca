"""Pages on which something is done to a run: they say what will happen, and the command that does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect.page.rendering import Page
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import shell_word
from ouroloop.runs.trust import agree

if TYPE_CHECKING:
    from ouroloop.inspect.page.reading import Opened


def rollback_page(name: str, opened: Opened, id: str) -> Page:
    """Return the page that asks whether to roll a candidate back. Raises UsageError unless it is accepted and stands."""
    outline = opened.outline
    entry = outline.candidates.get(id)
    if entry is None or entry.decision != "accepted":
        raise UsageError(f"{id} is no accepted candidate of run {name}, so there is nothing to roll back")
    if not any(turn.kind == "accepted" and turn.candidate == id for turn in outline.turns):
        raise UsageError(f"run {name} was stopped before {id} was committed: resume it first, then roll back")
    order = [turn.candidate for turn in outline.turns if turn.kind == "accepted"]
    later = [outline.candidates[one] for one in order[order.index(id) + 1 :] if outline.candidates[one].decision == "accepted"]
    data = {
        "run": name,
        "id": id,
        "later": later,
        "reached": not_agreed(opened),
        "command": f"ouroloop rollback {shell_word(opened.folder)} {shell_word(id)}",
    }
    crumbs = (("Runs", ()), (name, ("runs", name)), (id, ("runs", name, "candidates", id)))
    return Page("rollback.html", "Roll back", data, crumbs, run=name, tab="run")


def not_agreed(opened: Opened) -> list[str]:
    """Return what a run's recipe reaches that this user has not agreed to; see `runs.trust`."""
    try:
        agree(opened.folder, opened.outline.recipe, trust=False)
    except UsageError as error:
        return [str(error)]
    return []

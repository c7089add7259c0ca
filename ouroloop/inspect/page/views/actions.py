"""Pages on which something is done to a run: they say what will happen, and the command that does the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from ouroloop.inspect.page.rendering import Page
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line, shell_word
from ouroloop.runs.trust import agree

if TYPE_CHECKING:
    from ouroloop.inspect.page.reading import Opened

Action: TypeAlias = "Callable[[str, Opened, str, dict[str, str]], list[str]]"
"""Maps (run's name, run, candidate's id, fields of the form) to the words of a command; raises UsageError if it cannot be."""
WHY: Final = 200
"""The most characters of a reason that is given on a page."""


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


def again_page(name: str, opened: Opened, id: str) -> Page:
    """Return the page that asks whether to propose a candidate again. Raises UsageError if it plays, or is not decided yet."""
    _refuse_again(name, opened, id)
    data = {
        "run": name,
        "id": id,
        "entry": opened.outline.candidates[id],
        "command": f"ouroloop propose {shell_word(opened.folder)} --again {shell_word(id)}",
        "resume": opened.report.resumed(),
    }
    crumbs = (("Runs", ()), (name, ("runs", name)), (id, ("runs", name, "candidates", id)))
    return Page("again.html", "Propose again", data, crumbs, run=name, tab="run")


def _refuse_again(name: str, opened: Opened, id: str) -> None:
    entry = opened.outline.candidates.get(id)
    if entry is None or entry.decision in ("accepted", "pending"):
        raise UsageError(f"{id} is no candidate of run {name} that was refused or rolled back, so it cannot be proposed again")


def roll_back(name: str, opened: Opened, id: str, form: dict[str, str]) -> list[str]:
    """Return the command that rolls a candidate back."""
    rollback_page(name, opened, id)  # refuses what does not stand
    if found := not_agreed(opened):
        raise UsageError(found[0])
    return ["rollback", str(opened.folder.absolute()), "--reason", _why(form), "--", id]


def propose_again(name: str, opened: Opened, id: str, form: dict[str, str]) -> list[str]:
    """Return the command that proposes a candidate again."""
    _refuse_again(name, opened, id)
    return ["propose", str(opened.folder.absolute()), f"--again={id}", "--why", plain_line(form.get("reason", ""), WHY)]


def approve(name: str, opened: Opened, id: str, form: dict[str, str]) -> list[str]:
    """Return the command that answers about a candidate that waits."""
    if id not in opened.outline.waiting:
        raise UsageError(f"{id} of run {name} does not wait for an answer")
    words = ["approve", str(opened.folder.absolute()), "--reason", _why(form)]
    answer = form.get("answer")
    if answer not in ("yes", "no"):
        raise UsageError("say yes or no: press one of the two buttons")
    return [*words, *(("--no",) if answer == "no" else ()), "--", id]


def _why(form: dict[str, str]) -> str:
    return plain_line(form.get("reason") or "by hand", WHY)


def not_agreed(opened: Opened) -> list[str]:
    """Return what a run's recipe reaches that this user has not agreed to; see `runs.trust`."""
    try:
        agree(opened.folder, opened.outline.recipe, trust=False)
    except UsageError as error:
        return [str(error)]
    return []

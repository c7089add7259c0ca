"""A pair of games of a race: what each player reached, and the games themselves, once they were played again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect.candidate.games import PairTold, told_pairs
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.player import Shown, data_of
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import shell_word

if TYPE_CHECKING:
    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.reading import Opened


def pair_of(opened: Opened, id: str, number: int) -> tuple[PairTold, int, float | None]:
    """Return a pair, how many there are, and the bar of the race. Raises UsageError if there is no such pair."""
    report = opened.report
    found = report.candidate(id)
    told = told_pairs(report, found["round"], found)
    if not 1 <= number <= len(told):
        has = f"pairs 1 to {len(told)}" if told else "no pairs: it did not race"
        raise UsageError(f"{id} has no pair {number}: it has {has}")
    return told[number - 1], len(told), None if found["alpha"] is None else 1 / found["alpha"]


def pair_page(name: str, opened: Opened, addresses: Addresses, id: str, number: int, shown: Shown, why: str = "") -> Page:
    """Return a pair's page.

    Args:
        name: the run's name on the page.
        opened: the run.
        addresses: for the links beside the games.
        id: the candidate.
        number: of the pair, from 1.
        shown: the games, if they were played again.
        why: why they could not be; empty if nobody has tried.
    """
    pair, count, bar = pair_of(opened, id, number)
    round = str(opened.report.find(id)[0])
    here = ("runs", name, "candidates", id, "pairs", str(number))
    data = {
        "run": name,
        "id": id,
        "pair": pair,
        "count": count,
        "bar": bar,
        "differs": "" if shown.film is None else _differs(shown.film.utilities, pair),
        "why": why,
        "command": f"ouroloop show {shell_word(opened.folder)} --candidate {shell_word(id)}",
        **data_of(shown, f"film-{number}", addresses, here, {}),
    }
    crumbs = (
        ("Runs", ()),
        (name, ("runs", name)),
        (f"Round {round}", ("runs", name, "rounds", round)),
        (id, ("runs", name, "candidates", id)),
    )
    return Page("pair.html", f"Pair {number}", data, crumbs, run=name, tab="run")


def _differs(utilities: tuple[float, ...], recorded: PairTold) -> str:
    """Return what is wrong if games did not end as recorded."""
    mine, theirs = utilities
    if abs(mine - recorded.candidate) < 1e-6 and abs(theirs - recorded.incumbent) < 1e-6:
        return ""
    return (
        f"these games ended with {mine:.3f} and {theirs:.3f}, the record says {recorded.candidate:.3f} and "
        f"{recorded.incumbent:.3f}: another machine, other versions of libraries, or a record that is not true"
    )

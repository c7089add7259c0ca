"""The list of runs, and several runs beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from ouroloop.inspect.notes import Notes, read_notes
from ouroloop.inspect.page.charts.bars import Bar, intervals
from ouroloop.inspect.page.charts.spark import spark
from ouroloop.inspect.page.reading import Reading, Signature, signature
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.saying import awaited, going_on, interval, score_path
from ouroloop.ledger.faults import FORMS
from ouroloop.ledger.lock import is_running
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.runs.recipe import decisive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ouroloop.inspect.page.reading import Opened


NOTHING: Final = Markup("")
NO_NOTES: Final = Notes()


@dataclass(frozen=True, slots=True)
class Card:
    """A run in the list.

    Args:
        name: its name on the page.
        fault: why it cannot be read; empty if it can. A fault further in leaves the figures before it.
        status: its status; `unreadable` if nothing of it can be read.
        doing: what it is doing or waiting for; empty if it rests.
        began: when, in seconds since 1970; None before its first step.
        task: the game.
        rounds: how many rounds have begun.
        accepted: candidates that were accepted and stand.
        rolled_back: candidates that were rolled back.
        rejected: candidates that were rejected.
        lost: replies that yielded no candidate.
        start: the score of the start with its interval.
        now: that of the build that plays now.
        mean: of the latter; None before it was scored.
        low: of its interval.
        high: likewise.
        curve: the scores so far.
        games: played.
        tokens: used by models.
        cost_usd: their price.
        seed: of the recipe.
        notes: what the user has noted about it.
    """

    name: str
    fault: str = ""
    status: str = "unreadable"
    doing: str = ""
    began: float | None = None
    task: str = ""
    rounds: int = 0
    accepted: int = 0
    rolled_back: int = 0
    rejected: int = 0
    lost: int = 0
    start: str = ""
    now: str = ""
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    curve: Markup = NOTHING
    games: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    seed: int | None = None
    notes: Notes = NO_NOTES


class Cards:
    """The cards of runs, made anew only where a run's files have changed."""

    def __init__(self, reading: Reading) -> None:
        """Begin with none."""
        self._reading = reading
        self._kept: dict[Path, tuple[Signature, str, bool, Card]] = {}

    def of(self, name: str, folder: Path) -> Card:
        """Return a run's card."""
        seen, busy = signature(folder), is_running(folder)
        kept = self._kept.get(folder)
        if kept is None or kept[:3] != (seen, name, busy):
            kept = (seen, name, busy, self._made(name, folder))
            self._kept[folder] = kept
        return kept[3]

    def _made(self, name: str, folder: Path) -> Card:
        try:
            with self._reading.open(folder) as opened:
                return card(name, opened)
        except OuroloopError as error:
            return Card(name, plain_line(str(error), 600))
        except FORMS as error:
            return Card(name, plain_line(f"damaged: {type(error).__name__}: {error}", 600))


def card(name: str, opened: Opened) -> Card:
    """Return an open run's card."""
    outline = opened.outline
    entries, now, values = list(outline.candidates.values()), outline.measures_now(), score_path(outline)
    return Card(
        name,
        plain_line(opened.fault, 600),
        opened.report.status(),
        going_on(opened) or awaited(opened.outline),
        opened.report.ledger.began(),
        outline.recipe.task.name,
        len(outline.rounds),
        sum(one.decision == "accepted" for one in entries),
        sum(one.decision == "rolled_back" for one in entries),
        sum(one.decision == "rejected" for one in entries),
        sum(entry.lost for entry in outline.rounds.values()),
        interval(outline.start_measures),
        interval(now),
        None if now is None else now.score.mean,
        None if now is None else now.score.low,
        None if now is None else now.score.high,
        spark(values, f"scores of {name}: {values[0]:.1f} to {values[-1]:.1f}" if values else ""),
        outline.games,
        outline.tokens,
        outline.cost_usd,
        outline.recipe.seed,
        read_notes(opened.folder),
    )


def runs_page(cards: Sequence[Card], ablations: Sequence[str], places: Sequence[Path]) -> Page:
    """Return the list of runs, the newest first."""
    ordered = sorted(cards, key=lambda one: (one.began is not None, one.began or 0.0), reverse=True)
    busy = any(one.doing for one in cards)
    shown = ", ".join(plain_line(str(place), 80) for place in places)
    return Page("runs.html", "Runs", {"cards": ordered, "ablations": ablations, "places": shown}, watch=busy)


@dataclass(frozen=True, slots=True)
class Column:
    """A run in a comparison: its card and its recipe's settings by key."""

    card: Card
    settings: Mapping[str, str]


def compare_page(cards: Sequence[Card], columns: Sequence[Column], missing: Sequence[str]) -> Page:
    """Return several runs beside each other: how they play now, and where their recipes differ.

    Args:
        cards: of all runs, to choose from.
        columns: the runs that were chosen.
        missing: names that are no runs.

    Raises:
        UsageError: a name is unknown.
    """
    if missing:
        raise UsageError(f"no run is called {plain_line(missing[0], 80)}: choose from the list")
    keys = sorted({key for column in columns for key in column.settings})
    apart = [key for key in keys if len({column.settings.get(key, "") for column in columns}) > 1]
    rows = [Bar(one.card.name, one.card.mean, one.card.low, one.card.high) for one in columns if one.card.mean is not None]
    data = {
        "cards": cards,
        "columns": columns,
        "apart": apart,
        "same": len(keys) - len(apart),
        "chart": intervals(rows, "scores of the builds that play now, with 95 % intervals", "compared", signed=False),
        "chosen": {one.card.name for one in columns},
    }
    return Page("compare.html", "Compare runs", data, (("Runs", ()),))


def column(name: str, opened: Opened) -> Column:
    """Return an open run as a column of a comparison."""
    return Column(card(name, opened), dict(_flat("", decisive(opened.outline.recipe))))


def _flat(prefix: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [pair for key, part in value.items() for pair in _flat(f"{prefix}.{key}" if prefix else str(key), part)]
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return [pair for number, part in enumerate(value, 1) for pair in _flat(f"{prefix}.{number}", part)]
    return [(prefix, plain_line(str(value), 120))]

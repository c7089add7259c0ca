"""One run: where it stands, its scores round by round, who earned the gain, and what it has spent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from ouroloop.gate.spending import spending
from ouroloop.inspect.notes import read_notes
from ouroloop.inspect.page.charts.bars import Bar, intervals
from ouroloop.inspect.page.charts.scores import Point, scores
from ouroloop.inspect.page.rendering import Page
from ouroloop.inspect.page.views.saying import MODES, became, going_on, interval
from ouroloop.protocols.records import Spent
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from ouroloop.inspect.outline import Entry, Outline, RoundEntry, Turn
    from ouroloop.inspect.page.addresses import Addresses
    from ouroloop.inspect.page.reading import Opened
    from ouroloop.ledger.steps.attribute import Shares
    from ouroloop.ledger.steps.start import Measures

CHIPS: Final = 60
"""Candidates of a round in the table."""
ROWS: Final = 40
"""Rounds in the table at a time, the last ones first."""


@dataclass(frozen=True, slots=True)
class Row:
    """A round in the table.

    Args:
        index: its number.
        mode: in words.
        why: why it was chosen.
        candidates: those that were proposed.
        became: what became of them, in words.
        gain: the gain of what it accepted, with its interval; empty if it accepted nothing.
        owner: who gets the credit.
        score: after it, with its interval.
        tokens: used in it.
        by_hand: rollbacks by hand after it, in words.
    """

    index: int
    mode: str
    why: str
    candidates: tuple[Entry, ...]
    became: str
    gain: str
    owner: str
    score: str
    tokens: int
    by_hand: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spending:
    """The error budget: the rule, what it bounds, the budget, what is left of it, the races, and the next one's level."""

    name: str
    controls: str
    alpha: float
    left: float
    races: int
    next: float

    @property
    def share(self) -> float:
        """The share that is spent."""
        return 1 - self.left / self.alpha


def run_page(name: str, opened: Opened, addresses: Addresses, before: int | None = None) -> Page:
    """Return a run's page.

    Args:
        name: the run's name on the page.
        opened: the run.
        addresses: for the links in the chart.
        before: show rounds before this one; the last ones by default.
    """
    outline = opened.outline
    last = max(outline.rounds, default=0)
    if before is not None and before <= min(outline.rounds, default=1):
        before = None
    top = last if before is None else min(last, before - 1)
    shown = [index for index in sorted(outline.rounds, reverse=True) if index <= top][:ROWS]
    if not addresses.live:
        shown = sorted(outline.rounds, reverse=True)
    data = {
        "run": name,
        "fault": plain_line(opened.fault, 600),
        "status": opened.report.status(),
        "doing": going_on(opened),
        "outline": outline,
        "start": interval(outline.start_measures),
        "now": interval(outline.measures_now()),
        "gain": _gain(outline),
        "chart": scores(points(name, outline, addresses), f"score of {name} after each round"),
        "rows": [_row(outline, outline.rounds[index]) for index in shown],
        "earlier": shown[-1] if shown and shown[-1] > min(outline.rounds, default=0) else None,
        "later": before,
        "spending": budget(outline),
        "credit": credit(outline),
        "counts": counts(outline),
        "wall_s": outline.wall_s,
        "began": opened.report.ledger.began(),
        "latest": latest(outline),
        "notes": read_notes(opened.folder),
    }
    return Page("run.html", name, data, (("Runs", ()),), run=name, tab="run", watch=bool(data["doing"]))


def points(name: str, outline: Outline, addresses: Addresses) -> list[Point]:
    """Return the states of a run for the chart of its scores."""
    found, backs = [], defaultdict[int, "list[Turn]"](list)
    for turn in outline.turns:
        if turn.by_hand and turn.measures is not None:
            backs[turn.round].append(turn)
    if (first := outline.start_measures) is not None:
        found.append(_point(0, first, addresses.to("runs", name, "lineage"), f"start: {interval(first)}"))
    for index, entry in sorted(outline.rounds.items()):
        one, href = outline.of_round(index), addresses.to("runs", name, "rounds", index)
        said = f"round {index}: {became(one, entry.lost)}; score {interval(entry.measures) or 'not measured yet'}"
        met = Counter[str](c.decision for c in one)
        found.append(_point(index, entry.measures, href, said, met, entry.lost))
        for place, back in enumerate(backs[index], 1):
            href = addresses.to("runs", name, "candidates", back.candidate)
            said = f"{back.candidate} rolled back by hand: {plain_line(back.reason, 80)}; score {interval(back.measures)}"
            between = index + place / (len(backs[index]) + 1)
            found.append(_point(between, back.measures, href, said, by_hand=True))
    return found


def _point(
    round: float,
    measures: Measures | None,
    href: str | None,
    said: str,
    met: Mapping[str, int] = MappingProxyType({}),
    lost: int = 0,
    *,
    by_hand: bool = False,
) -> Point:
    """Return a state of the run; `met` says how many of its round's candidates became what."""
    mean, low, high = (None, None, None) if measures is None else (measures.score.mean, measures.score.low, measures.score.high)
    accepted, rolled_back, rejected = (met.get(key, 0) for key in ("accepted", "rolled_back", "rejected"))
    return Point(round, mean, low, high, href, said, accepted, rolled_back, rejected, lost, by_hand)


def budget(outline: Outline) -> Spending:
    """Return how the error budget is spent."""
    rule = spending(outline.recipe.gate.spending, outline.recipe.gate.alpha)
    accepted = {one.id for one in outline.candidates.values() if one.accepted}
    races = [Spent(stake.level, bool(accepted.intersection(stake.candidates))) for stake in outline.stakes]
    return Spending(rule.name, rule.controls, rule.alpha, rule.left(races), len(races), rule.level(races))


def credit(outline: Outline) -> Markup:
    """Return who earned the gain from the start to now, as far as it was measured last; empty if it is not known."""
    measured = [entry for _, entry in sorted(outline.rounds.items()) if entry.total is not None]
    if not measured or measured[-1].total is None or _undone_since(outline, measured[-1].index):
        return Markup("")
    return shares_chart(measured[-1].total, f"whose gain it is, from the start to round {measured[-1].index}")


def shares_chart(found: Shares, title: str) -> Markup:
    """Return an attribution as a chart."""
    parts = {"weights": found.reward, "code": found.code, "both together": found.interaction, "in all": found.total}
    return intervals([Bar(name, share.estimate, share.low, share.high) for name, share in parts.items()], title, "credit")


def counts(outline: Outline) -> dict[str, int]:
    """Return how many candidates became what."""
    decisions = [one.decision for one in outline.candidates.values()]
    found = {key: decisions.count(key) for key in ("accepted", "rolled_back", "rejected", "pending")}
    return found | {"lost": sum(entry.lost for entry in outline.rounds.values())}


def latest(outline: Outline) -> Entry | None:
    """Return the candidate that was accepted last and stands; None if none does."""
    standing = [turn.candidate for turn in outline.turns if turn.kind == "accepted"]
    kept = [outline.candidates[id] for id in standing if id in outline.candidates]
    return next((one for one in reversed(kept) if one.decision == "accepted"), None)


def _undone_since(outline: Outline, index: int) -> bool:
    """Tell whether something was taken back after a round's attribution."""
    return any(turn.kind == "rolled_back" and turn.round >= index for turn in outline.turns)


def _gain(outline: Outline) -> float | None:
    first, now = outline.start_measures, outline.measures_now()
    return None if first is None or now is None else now.score.mean - first.score.mean


def _row(outline: Outline, entry: RoundEntry) -> Row:
    found = outline.of_round(entry.index)
    gain = "" if entry.shares is None else _signed(entry.shares)
    by_hand = tuple(
        f"{turn.candidate} rolled back by hand: {plain_line(turn.reason, 120)}"
        for turn in outline.turns
        if turn.by_hand and turn.round == entry.index
    )
    return Row(
        entry.index,
        MODES.get(entry.mode or "", entry.mode or ""),
        entry.why,
        tuple(found[:CHIPS]),
        became(found, entry.lost),
        gain,
        "" if entry.shares is None else entry.shares.owner,
        interval(entry.measures),
        entry.tokens,
        by_hand,
    )


def _signed(found: Shares) -> str:
    return f"{found.total.estimate:+.3f} [{found.total.low:+.3f}, {found.total.high:+.3f}]"

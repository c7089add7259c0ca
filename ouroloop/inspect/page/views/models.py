"""Who proposed, and what that was worth: valid, repaired and accepted proposals, their gain and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ouroloop.inspect.page.rendering import Page

if TYPE_CHECKING:
    from ouroloop.inspect.outline import Entry, Outline
    from ouroloop.inspect.page.reading import Opened


@dataclass(frozen=True, slots=True)
class Brought:
    """What a proposer has brought.

    Args:
        name: as a proposer, such as `patch.2`.
        role: its own name, and `model` the model that it asks; empty for a search.
        model: the model.
        asked: proposals asked for.
        answered: given, `passed` those that passed the screen, `repaired` those that came as repairs.
        passed: likewise.
        repaired: likewise.
        accepted: those that stand.
        gain: the sum of the effects of these in their races.
        tokens: used.
        cost_usd: their price.
    """

    name: str
    role: str
    model: str
    asked: int
    answered: int
    passed: int
    repaired: int
    accepted: int
    gain: float
    tokens: int
    cost_usd: float

    @property
    def per_dollar(self) -> float | None:
        """Gain of utility for a US dollar; None if nothing was paid."""
        return self.gain / self.cost_usd if self.cost_usd else None

    @property
    def per_million(self) -> float | None:
        """Gain of utility for a million tokens; None if none was used."""
        return 1e6 * self.gain / self.tokens if self.tokens else None


def models_page(name: str, opened: Opened) -> Page:
    """Return a run's proposers, the one with the most gain first."""
    outline = opened.outline
    rows = sorted(brought(outline), key=lambda one: (-one.gain, one.tokens))
    worth = [one for one in rows if one.accepted and one.per_million is not None]
    best = max(worth, key=lambda one: one.per_million or 0.0, default=None)
    data = {
        "run": name,
        "rows": rows,
        "critic": outline.models.get("diagnose"),
        "best": best,
        "free": [r for r in rows if not r.tokens and r.accepted],
    }
    return Page(
        "models.html",
        f"Proposers of {name}",
        data,
        (("Runs", ()), (name, ("runs", name))),
        run=name,
        tab="models",
        watch=True,
    )


def brought(outline: Outline) -> list[Brought]:
    """Return what each proposer has brought."""
    found = []
    for kind in ("reward", "patch"):
        for name, settings in outline.recipe.roles.proposers(kind).items():
            asked = [one for entry in outline.rounds.values() for one in entry.asked if one.proposer == name]
            mine = [one for one in outline.candidates.values() if one.proposer == name]
            if not asked:
                continue
            standing = [
                one for one in outline.candidates.values() if one.decision == "accepted" and name in _authors(outline, one)
            ]
            used = outline.models.get(name)
            found.append(
                Brought(
                    name,
                    asked[-1].role,
                    settings.model or "",
                    sum(one.count for one in asked),
                    len(mine),
                    sum(one.passed is True for one in mine),
                    sum(one.repaired for one in mine),
                    len(standing),
                    sum(one.effect.utility / len(_authors(outline, one)) for one in standing if one.effect is not None),
                    0 if used is None else used.tokens,
                    0.0 if used is None else used.cost_usd,
                )
            )
    return found


def _authors(outline: Outline, entry: Entry) -> set[str]:
    """Return the proposers of a candidate: a granted wish has two, who share its gain; see `runs.proposers.credit`."""
    wished = outline.candidates.get(entry.answers)
    return {entry.proposer} | ({wished.proposer} if wished is not None and wished.round == entry.round else set())

"""What stands below the tables of a run: how it plays now, what the figures are worth, and what was used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.inspect.document import accepted_and_back, candidates, tally
from ouroloop.inspect.history import history
from ouroloop.protocols.text import counted

if TYPE_CHECKING:
    from ouroloop.inspect.document import RunDocument


def score_line(document: RunDocument) -> str | None:
    """Return how the build that plays now scores, and what "best score" is worth; None before it has been scored."""
    now = document["incumbent"]
    if now is None:
        return None
    means = sum(state.stands and state.played is not None for state in history(document))
    score = now["score"]
    best = f"; best score is the highest of {means} noisy means, and too high on average" if means > 1 else ""
    return f"score now: {score['mean']:.1f} [{score['low']:.1f}, {score['high']:.1f}]{best}"


def won_line(document: RunDocument) -> str | None:
    """Return the share of games that the build wins that plays now; None before it has been scored."""
    now = document["incumbent"]
    if now is None:
        return None
    return f"games won now: {now['win_rate']:.1%} [{now['win_rate_low']:.1%}, {now['win_rate_high']:.1%}], 95 % intervals both"


def selection_line(document: RunDocument) -> str | None:
    """Return what an accepted candidate's effect in the table is worth; None if none was accepted."""
    if not tally(candidates(document)).accepted:
        return None
    return (
        "effects of accepted candidates are too high on average, because their races stopped when they were high; "
        "`who gets the credit` and `show --candidate` give the gain on fresh games"
    )


def budget_line(document: RunDocument) -> str:
    """Return how much of the run's error budget is spent, and what is left."""
    gate = document["gate"]
    tested = f"{counted(gate['candidates'], 'candidate')} tested in {counted(gate['races'], 'race')}"
    return (
        f"error budget ({gate['rule']}: {gate['controls']}): {gate['alpha']:g}; {tested}, "
        f"{accepted_and_back(gate['accepted'], gate['rolled_back'])}; "
        f"{gate['left']:.3g} left, and the next race gets {gate['next']:.3g} of it"
    )

"""The builds of a run that can play: start, incumbent, candidates as far as they were made, and what rollbacks brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ouroloop.envs.registry import installed_games
from ouroloop.inspect.page.games.film import Game
from ouroloop.ledger.steps.screen import screen
from ouroloop.ledger.steps.train import train
from ouroloop.protocols.errors import OuroloopError, UsageError
from ouroloop.protocols.records import Build
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ouroloop.inspect.candidate.games import PairTold
    from ouroloop.inspect.outline import Entry
    from ouroloop.inspect.page.reading import Opened

LISTED: Final = 300
"""The most candidates that are listed, the last ones; an earlier one can be named all the same."""
START, NOW, BACK = "start", "now", "back-"
INCUMBENT: Final = "the incumbent"
"""What the other player of a race is called."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A build that can play: its name in an address, what it is called, what it is in words, and the build."""

    name: str
    called: str
    said: str
    build: Build


def playable(opened: Opened) -> None:
    """Refuse a run whose games cannot be played again.

    Raises:
        UsageError: the run perceives in a way that a replay does not, or names a game that is not installed.
    """
    recipe = opened.report.recipe
    if recipe.perception not in ("json", "ascii"):
        raise UsageError("this run's players see pictures, and games that are seen cannot be played again here")
    if recipe.task.name not in installed_games():
        raise UsageError(f"the game {recipe.task.name} is no installed one, and nothing that a run names is imported here")


def game_of(opened: Opened, id: str, pair: PairTold) -> Game:
    """Return what a pair of games needs to be played again.

    Raises:
        UsageError: see `playable`.
        OuroloopError: the candidate's build is not on record.
    """
    playable(opened)
    build, against = opened.report.build_of(id), opened.report.candidate(id)["against"]
    if build is None or against is None:
        raise OuroloopError(f"the build that {id} played as is not on record")
    incumbent = Build(against["policy"], against["reward"], against["controller"])
    return Game(pair.seed, ((id, build), (INCUMBENT, incumbent)))


def choices(opened: Opened) -> list[Choice]:
    """Return the builds that are listed: states first, then candidates, the last ones first."""
    ids = [id for id, entry in opened.outline.candidates.items() if entry.passed]
    found = [*_states(opened), *(_candidate(opened, id) for id in ids[: -LISTED - 1 : -1])]
    return [one for one in found if one is not None and _there(opened, one.build)]


def chosen(opened: Opened, name: str) -> Choice:
    """Return a build by its name in an address. Raises UsageError if there is none, or a part of it is gone."""
    known = name in opened.outline.candidates
    found = _candidate(opened, name) if known else next((one for one in _states(opened) if one.name == name), None)
    if found is None:
        why = "it never passed the screen, or was not trained" if known else "choose one of the list"
        raise UsageError(f"no build is called {plain_line(name, 60)!r} here that could play: {why}")
    if not _there(opened, found.build):
        raise UsageError(f"{found.called} cannot play: its artifacts are no longer in the run directory")
    return found


def _states(opened: Opened) -> Iterator[Choice]:
    outline = opened.outline
    if outline.begun is not None:
        yield Choice(START, START, "the player that the run began with", outline.begun.build)
    if outline.now is not None:
        yield Choice(NOW, "the incumbent now", "the player that stands now", outline.now)
    backs = [turn for turn in outline.turns if turn.kind == "rolled_back"]
    for number, turn in enumerate(backs, 1):
        said = f"what stood again when {turn.candidate} was rolled back"
        yield Choice(f"{BACK}{number}", f"after the rollback of {turn.candidate}", said, turn.build)


def _candidate(opened: Opened, id: str) -> Choice | None:
    """Return a candidate as it raced, or else put on the incumbent of its round; None if it was never made."""
    entry = opened.outline.candidates[id]
    raced = opened.report.build_of(id)
    build = raced or _assembled(opened, entry)
    if build is None:
        return None
    became = entry.decision.replace("_", " ") + (f" at {plain_line(entry.layer, 20)}" if entry.layer else "")
    return Choice(id, id, became if raced else f"{became}; put on the incumbent of its round", build)


def _assembled(opened: Opened, entry: Entry) -> Build | None:
    """Return the incumbent of a candidate's round with the candidate's parts, as far as it was trained."""
    report, id = opened.report, entry.id
    round, proposed = report.find(id)
    before = [turn.build for turn in opened.outline.turns if turn.round < round]
    screened = screen(round, proposed).find(report.ledger)
    if screened is None or screened.outcome != "passed" or not before:
        return None
    base, policy = before[-1], before[-1].policy
    if proposed.reward is not None:
        stages = (train(round, stage, id).find(report.ledger) for stage in reversed(range(report.recipe.halving.stages)))
        trained = next((found.policy for found in stages if found is not None and found.policy is not None), None)
        if trained is None:
            return None
        policy = trained
    return Build(policy, screened.reward or base.reward, screened.controller or base.controller)


def _there(opened: Opened, build: Build) -> bool:
    return all(opened.report.store.has(digest) for digest in (build.policy, build.controller))

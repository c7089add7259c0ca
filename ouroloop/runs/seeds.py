"""The games that each part of a run plays. Every `SeedRange` is made here, recorded in the step's params, and then played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ouroloop.protocols.records import SeedRange
from ouroloop.protocols.seeds import STREAM_LENGTH

if TYPE_CHECKING:
    from ouroloop.runs.recipe import GateSettings

SEARCH_SPAN = 1 << 20
"""The search seeds set aside for one round: observation first, then halving."""


def first_score(settings: GateSettings) -> SeedRange:
    """Return the games that score the start: they are at the far end of the watch stream, which no round reaches."""
    return SeedRange("watch", STREAM_LENGTH - settings.watch_games, settings.watch_games)


def observation(settings: GateSettings, round: int) -> SeedRange:
    """Return the games in which a round observes its incumbent."""
    return SeedRange("search", round * SEARCH_SPAN, settings.search_games)


def halving(settings: GateSettings, round: int, stage: int) -> SeedRange:
    """Return the games that score candidates after a stage of training."""
    return SeedRange("search", round * SEARCH_SPAN + (1 + stage) * settings.search_games, settings.search_games)


def race(settings: GateSettings, index: int) -> SeedRange:
    """Return all games that race number `index` of the run may play."""
    return SeedRange("gate", index * settings.games, settings.games)


def attribution(settings: GateSettings, round: int) -> SeedRange:
    """Return the games of a round's factorial experiments."""
    return SeedRange("attribution", round * settings.attribution_games, settings.attribution_games)


def watching(settings: GateSettings, round: int, *, again: bool) -> SeedRange:
    """Return the games of a round's watch, or those played again after a rollback."""
    return SeedRange("watch", (2 * round + again) * settings.watch_games, settings.watch_games)

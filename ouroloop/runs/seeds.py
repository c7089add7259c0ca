"""The seed of a run's games, and the games that each part of a run plays.

Every `SeedRange` is made here, recorded in the step's params, and then played.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ouroloop.ledger.steps.start import INCUMBENT, LIBRARY
from ouroloop.protocols.canonical import content_hash
from ouroloop.protocols.records import SeedRange
from ouroloop.protocols.seeds import STREAM_LENGTH

if TYPE_CHECKING:
    from ouroloop.ledger.sqlite import Ledger
    from ouroloop.protocols.messages import Known
    from ouroloop.protocols.records import Build
    from ouroloop.runs.recipe import GateSettings, Recipe

SEARCH_SPAN = 1 << 20
"""The search seeds set aside for one round: observation first, then halving."""


def drawn(recipe: Recipe) -> Recipe:
    """Return the recipe with a seed: its own, or else one of 63 bits that nobody knew before."""
    return recipe if recipe.seed is not None else recipe.model_copy(update={"seed": secrets.randbits(63)})


def recipe_seed(recipe: Recipe) -> int:
    """Return the seed of a run's recipe, which has one since the run was made; whatever makes the start follows from it."""
    assert recipe.seed is not None, "a run's recipe names its seed"
    return recipe.seed


def stream_seed(recipe: Recipe, ledger: Ledger) -> int:
    """Return the seed of a run's games, and of all that comes after the start; the start must be on record."""
    known = LIBRARY.find(ledger)
    return seed_from(recipe_seed(recipe), INCUMBENT.read(ledger).incumbent, known.entries if known is not None else ())


def seed_from(seed: int, start: Build, library: tuple[Known, ...] = ()) -> int:
    """Return the seed of the games of a run that began with this build and this library, 64 bits.

    A run that begins with the player of an earlier one, or is offered what an earlier one accepted, therefore meets other
    games, even if the recipes name the same seed.
    """
    known = [entry.model_dump(mode="json") for entry in library]
    return int(content_hash([seed, start.policy, start.reward, start.controller, *known])[:16], 16)


def first_score(settings: GateSettings) -> SeedRange:
    """Return the games that score the start: they are at the far end of the watch stream, which no round reaches."""
    return SeedRange("watch", STREAM_LENGTH - settings.watch_games, settings.watch_games)


def score_again(settings: GateSettings, rollbacks: int) -> SeedRange:
    """Return the games that score what a rollback by hand brought back, after so many earlier rollbacks."""
    return SeedRange("watch", STREAM_LENGTH - (2 + rollbacks) * settings.watch_games, settings.watch_games)


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

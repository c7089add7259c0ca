"""What the child process of a replay does: it opens the builds and plays the game, with each controller in its sandbox."""

from __future__ import annotations

from contextlib import closing
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.registry import make_task
from ouroloop.inspect.contender import Contender
from ouroloop.inspect.page.games.film import Asked, Seen, embedded, film
from ouroloop.inspect.watch.lens import Lens
from ouroloop.inspect.watch.moments import moments
from ouroloop.ledger.store import Store
from ouroloop.policy.bases import open_policy, player_of
from ouroloop.policy.snake_gpt import threads
from ouroloop.runs.recipe import read_recipe
from ouroloop.sandbox.choose import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ouroloop.protocols.records import Build


MOST_MOVES: Final = 20_000
"""The most moves of a game that are shown."""


def films_of(asked: Asked) -> list[str]:
    """Return a film for each game that is asked for, as JSON.

    Raises:
        OuroloopError: a part of the run is damaged, the sandbox is missing, or a controller fails.
    """
    recipe = read_recipe(asked.folder)
    task, store = make_task(recipe.task), Store(asked.folder / "artifacts")
    threads(1)
    policy = cache(lambda digest: player_of(open_policy(store.directory(digest), task=task)))
    with closing(choose(recipe.sandbox, task.toolkit_source, len(task.actions))) as sandbox:

        def player(name: str, build: Build) -> Contender:
            source = store.text(build.controller)
            return Contender(name, task, policy(build.policy), partial(sandbox.open, source), {}, task.best_score, 1)

        return [
            embedded(film(task, [_played(player(*who), game.seed, asked.saliency) for who in game.players]))
            for game in asked.games
        ]


def _played(player: Contender, seed: int, saliency: str) -> Seen:
    lens = {"lens": Lens(player, saliency)} if saliency else {}
    found = list(islice(moments(player, seed, 0, **lens), MOST_MOVES))
    regrets, utility = _rated(player, seed, [moment.action for moment in found if moment.action is not None])
    return Seen(player.name, found, regrets, utility)


def _rated(player: Contender, seed: int, actions: Sequence[int]) -> tuple[list[tuple[float, ...]], float]:
    """Return the oracle's regret of every move at each step of a game, and the game's utility."""
    engine, found = player.task.engine(np.array([seed], np.uint64)), list[tuple[float, ...]]()
    for action in actions:
        if player.task.oracle is not None:
            found.append(tuple(player.task.oracle.regret(engine)[0].tolist()))
        engine.step(np.array([action]))
    return found, float(engine.outcomes().utility[0])

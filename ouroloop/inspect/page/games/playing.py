"""What the child process of a replay does: it opens the builds and plays the game, with each controller in its sandbox."""

from __future__ import annotations

import time
from contextlib import closing
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from ouroloop.envs.registry import make_task
from ouroloop.inspect.contender import Contender
from ouroloop.inspect.page.games.film import Asked, Game, Seen, embedded, film
from ouroloop.inspect.watch.animation import Frames, fitted
from ouroloop.inspect.watch.lens import Lens, policy_of
from ouroloop.inspect.watch.moments import moments
from ouroloop.inspect.watch.video import MOST_SHOWN, video
from ouroloop.ledger.store import Store
from ouroloop.policy.bases import open_policy, player_of
from ouroloop.policy.snake_gpt import threads
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import plain_line
from ouroloop.runs.recipe import read_recipe
from ouroloop.sandbox.choose import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ouroloop.protocols.ports import Task
    from ouroloop.protocols.records import Build, Moment

MOST_MOVES: Final = 20_000
"""The most moves of a game that are shown."""
MOST_LIT: Final = 300
"""The most moves of a game of which it is found what decided them: the last ones, in which it was won or lost."""
LIT_S: Final = 80.0
"""How long that may take for a film; what is not found by then is left out."""
FPS: Final = 12
"""Moves a second of a GIF and an MP4."""


def made_of(asked: Asked) -> list[str | bytes]:
    """Return what is made of each game that is asked for: a film as JSON, or the bytes of a file.

    Raises:
        OuroloopError: a part of the run is damaged, the sandbox is missing, or a controller fails.
        SurroundingsError: an MP4 is asked for, and PyAV is missing.
    """
    recipe = read_recipe(asked.folder)
    task, store = make_task(recipe.task), Store(asked.folder / "artifacts")
    threads(1)
    policy = cache(lambda digest: player_of(open_policy(store.directory(digest), task=task)))
    with closing(choose(recipe.sandbox, task.toolkit_source, len(task.actions))) as sandbox:

        def player(name: str, build: Build) -> Contender:
            source = store.text(build.controller)
            return Contender(name, task, policy(build.policy), partial(sandbox.open, source), {}, task.best_score, 1)

        return [_made(asked, task, game, player) for game in asked.games]


def _made(asked: Asked, task: Task, game: Game, player: Callable[[str, Build], Contender]) -> str | bytes:
    if asked.form == "film":
        until_s = LIT_S / len(game.players) / len(asked.games)
        return embedded(film(task, [played(player(*who), game.seed, asked.saliency, until_s) for who in game.players]))
    frames = Frames() if asked.form == "gif" else Frames(MOST_SHOWN)
    for moment in played(player(*game.players[0]), game.seed, asked.saliency, LIT_S).moments:
        frames.add(moment)
    return fitted(task, frames, FPS) if asked.form == "gif" else video(task, frames.kept, FPS)


def played(player: Contender, seed: int, saliency: str = "", lit_s: float = LIT_S) -> Seen:
    """Play a game; look into its last moves if a way to do so is named.

    Args:
        player: who plays.
        seed: the game's own.
        saliency: one of `policy.saliency.names.TITLES`; empty for none.
        lit_s: how long it may take to look into moves, from the last one back.
    """
    found = list(islice(moments(player, seed, 0), MOST_MOVES))
    regrets, utility = _rated(player, seed, [moment.action for moment in found if moment.action is not None])
    unlit = _light(player, found, saliency, lit_s) if saliency else ""
    return Seen(player.name, found, regrets, utility, unlit)


def _light(player: Contender, found: list[Moment], saliency: str, lit_s: float) -> str:
    """Add heat to the last moments of a game in place; return why there is none, in a sentence."""
    try:
        policy_of(player)
    except UsageError:
        return f"{player.name} is no language policy: no prompt decides its moves, so there is nothing to show of them."
    lens, until = Lens(player, saliency), time.monotonic() + lit_s
    try:
        for place in range(len(found) - 1, max(-1, len(found) - 2 - MOST_LIT), -1):
            found[place] = lens(found[place])
            if time.monotonic() > until:
                break
    except UsageError as error:
        return f"{player.name}: {plain_line(str(error), 300)}"
    return ""


def _rated(player: Contender, seed: int, actions: Sequence[int]) -> tuple[list[tuple[float, ...]], float]:
    """Return the oracle's regret of every move at each step of a game, and the game's utility."""
    engine, found = player.task.engine(np.array([seed], np.uint64)), list[tuple[float, ...]]()
    for action in actions:
        if player.task.oracle is not None:
            found.append(tuple(player.task.oracle.regret(engine)[0].tolist()))
        engine.step(np.array([action]))
    return found, float(engine.outcomes().utility[0])

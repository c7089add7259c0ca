"""The moments of a game in turn: a contender plays, and each moment can be shown before its move is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from ouroloop.protocols.records import Moment

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.policy.choice import Mover
    from ouroloop.protocols.ports import Engine
    from ouroloop.protocols.records import Observations


def moments(
    player: Contender, seed: int, game: int, lens: Callable[[Moment], Moment] = lambda moment: moment
) -> Iterator[Moment]:
    """Play a game; yield the moment before each move, and the last moment.

    Args:
        player: who plays.
        seed: the game's own seed.
        game: its number among those that are watched.
        lens: adds to each moment what speaks for its move; by default nothing.

    Raises:
        CandidateFault: the controller failed.
    """
    from ouroloop.policy.choice import odds_of

    mover, row = _mover(player), np.zeros(1, np.int64)
    keys = np.array([seed], dtype=np.uint64)
    engine, causes = player.task.engine(keys), player.task.causes
    with nullcontext() if player.open_session is None else closing(player.open_session()) as session:
        step = 0
        while not engine.done[0]:
            observations = engine.observations(row)
            logits, actions = mover.choose(engine, row, observations, keys, step, session)
            sure = np.eye(len(player.task.actions))[actions]
            odds = sure if isinstance(player.player, str) else odds_of(logits)
            yield lens(moment_of(engine, observations, game, causes, int(actions[0]), tuple(odds[0].tolist())))
            engine.step(actions)
            step += 1
    yield moment_of(engine, engine.observations(row), game, causes)


def moment_of(
    engine: Engine,
    seen: Observations,
    game: int,
    causes: tuple[str, ...],
    action: int | None = None,
    odds: tuple[float, ...] = (),
) -> Moment:
    """Return the current moment of a batch of one game.

    Args:
        engine: the batch of one game.
        seen: its observation.
        game: its number.
        causes: the task's causes.
        action: the move that comes next.
        odds: the player's probability of each move.
    """
    found = engine.outcomes()
    cause = int(found.cause[0])
    how = None if cause < 0 else causes[cause]
    return Moment(seen, game, int(found.score[0]), int(found.steps[0]), how, action, odds)


def _mover(player: Contender) -> Mover:
    from ouroloop.policy.choice import Mover, rated_by, taught_by

    chosen = player.player
    return Mover(taught_by(player.task, chosen) if isinstance(chosen, str) else rated_by(chosen))

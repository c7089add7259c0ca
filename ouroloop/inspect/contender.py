"""Who plays, as the command line names it: a policy or a teacher, a controller in its sandbox, and the board for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ouroloop.envs.registry import TaskSettings, find_game, game_settings, installed_games
from ouroloop.protocols.errors import CandidateFault, UsageError
from ouroloop.runs.recipe import read_text

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy, Session, Task

TEACHERS_SIZE = 10
"""Board of a teacher where none is asked for, in games that have boards of several sizes."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One that plays.

    Args:
        name: of the policy or the teacher, as the user gave it.
        task: the game, on the board that it plays.
        player: a policy, or a teacher's name.
        open_session: opens its controller; None for none.
        settings: of the game, as they were asked for or follow from the policy.
        best_score: the highest score possible; None where walls differ from game to game.
        abreast: batches of games that may be played at once.
    """

    name: str
    task: Task
    player: Policy | str
    open_session: Callable[[], Session] | None
    settings: Mapping[str, object]
    best_score: int | None
    abreast: int


@contextmanager
def contender(
    policy: str | None,
    teacher: str | None,
    controller: Path | None,
    sandbox: Literal["auto", "docker", "wasm"],
    settings: Mapping[str, object],
    threads: int,
    game: str | None = None,
) -> Iterator[Contender]:
    """Give the contender that the options name; its sandbox ends with the block.

    Args:
        policy: name or directory of a policy.
        teacher: name of a teacher; one of the two is given.
        controller: the file of a controller.
        sandbox: where that runs.
        settings: of the game; those that the policy was made for and the game's own defaults fill in the rest.
        threads: that may work at once.
        game: name or import path; the policy's own by default, and the one that is played without a name for a teacher.

    Raises:
        UsageError: neither or both of policy and teacher, an unknown one, a board that it cannot play, or a file that cannot be
            read.
        CandidateFault: the controller failed, there or in the block.
        SurroundingsError: the sandbox is missing, or the base of a policy.
    """
    if (policy is None) == (teacher is None):
        found = "neither" if policy is None else "both"
        raise UsageError(f"who is to play? found {found} of --policy and --teacher, expected one of them")
    name, given = policy or teacher or "", dict(settings)
    source = None if controller is None else read_text(controller, "controller")
    loaded: Policy | str = name
    abreast = threads
    if policy is None:
        game = game or TaskSettings().name
        if "size" in find_game(game).Settings.model_fields:
            given.setdefault("size", TEACHERS_SIZE)
    else:
        loaded, own, abreast = load_policy(name, game, given, threads)
        game, given = game or str(own["name"]), {key: value for key, value in own.items() if key != "name"} | given
    task = find_game(game)(**dict(game_settings(game, given)))
    player = Contender(name, task, loaded, None, given, task.best_score, abreast)
    if source is None:
        yield player
        return
    from ouroloop.sandbox.choose import choose

    cell = choose(sandbox, task.toolkit_source, len(task.actions))
    try:
        yield replace(player, open_session=partial(cell.open, source))
    except CandidateFault as fault:
        reason = f"controller {controller}: {fault.reason}; `ouroloop screen {controller}` tells more"
        raise CandidateFault(fault.layer, reason, fault.row) from fault
    finally:
        cell.close()


def load_policy(
    name: str, game: str | None, settings: Mapping[str, object], threads: int
) -> tuple[Policy, Mapping[str, object], int]:
    """Return a policy, the `[task]` table that it was made for, and how many batches may ask it at once.

    Snake-GPT computes on one thread for each batch, so that what comes out does not depend on their number. Larger models take
    one batch after the other, on all threads.

    Raises:
        UsageError: there is no such policy, or it is another board's.
        SurroundingsError: its base is not on this machine.
    """
    from ouroloop.policy import snake_gpt
    from ouroloop.policy.bases import open_policy, player_of
    from ouroloop.policy.shipped import find_policy

    path, made_for = find_policy(name), dict[str, object]()
    policy = None
    if game is None or game in installed_games():
        policy = open_policy(path)
        made_for = dict(policy.encoding.settings) if game in (None, policy.task) else {}
    where = game or (policy.task if policy is not None else "")
    asked = made_for | dict(settings)
    if policy is None or where != policy.task or any(asked[key] != value for key, value in made_for.items()):
        task = find_game(where)(**dict(game_settings(where, asked)))
        policy = open_policy(path, task=task)  # which refuses a game or a board that it was not made for
    small = isinstance(policy, snake_gpt.SnakeGPT)
    snake_gpt.threads(1 if small else threads)
    player: Policy = player_of(policy)
    return player, {"name": where, **policy.encoding.settings}, threads if small else 1


def cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

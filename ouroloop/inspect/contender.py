"""The player that the command line names: a policy or a teacher, a controller in its sandbox, and their board."""

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
"""Default board size for a teacher, in games whose boards have several sizes."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A player, ready to play.

    Args:
        name: the name of the policy or teacher, as the user gave it.
        task: the game, on the contender's board.
        player: a policy, or a teacher's name.
        open_session: opens the controller; None if there is none.
        settings: the game's settings, as the user or the policy determines them.
        best_score: the highest possible score; None if walls differ from game to game.
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
    """Give the contender that the options name; its sandbox is closed when the block ends.

    Args:
        policy: name or directory of a policy.
        teacher: name of a teacher; exactly one of policy and teacher is given.
        controller: the file of a controller.
        sandbox: where the controller runs.
        settings: settings of the game; the policy's settings, then the game's defaults, fill in the rest.
        threads: the number of threads that may work at once.
        game: name or import path; by default the policy's game, or the default game for a teacher.

    Raises:
        UsageError: policy and teacher are both given or both missing, one is unknown, the board does not suit it, or a
            file cannot be read.
        CandidateFault: the controller failed, here or in the block.
        SurroundingsError: the sandbox, or a policy's base model, is missing.
    """
    if (policy is None) == (teacher is None):
        found = "neither" if policy is None else "both"
        raise UsageError(f"who should play? found {found} of --policy and --teacher, expected exactly one")
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

    Snake-GPT computes each batch on one thread, so its results do not depend on the number of threads. Larger models take
    one batch after the other, on all threads.

    Raises:
        UsageError: the policy does not exist, or was made for another board.
        SurroundingsError: its base model is not on this machine.
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
        policy = open_policy(path, task=task)  # refuses a game or a board that the policy was not made for
    small = isinstance(policy, snake_gpt.SnakeGPT)
    snake_gpt.threads(1 if small else threads)
    player: Policy = player_of(policy)
    return player, {"name": where, **policy.encoding.settings}, threads if small else 1


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

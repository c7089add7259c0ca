"""Who plays, as the command line names it: a policy or a teacher, a controller in its sandbox, and the board for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.protocols.errors import CandidateFault, UsageError
from ouroloop.runs.recipe import read_text

if TYPE_CHECKING:
    from ouroloop.protocols.ports import Policy, Session, Task

TEACHERS_SIZE = 10
"""Board of a teacher where none is asked for."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One that plays.

    Args:
        name: of the policy or the teacher, as the user gave it.
        task: the game, on the board that it plays.
        player: a policy, or a teacher's name.
        open_session: opens its controller; None for none.
        size: side of the board.
        best_score: the highest score possible; None where walls differ from game to game.
        abreast: batches of games that may be played at once.
    """

    name: str
    task: Task
    player: Policy | str
    open_session: Callable[[], Session] | None
    size: int
    best_score: int | None
    abreast: int


@contextmanager
def contender(
    policy: str | None,
    teacher: str | None,
    controller: Path | None,
    sandbox: Literal["auto", "docker", "wasm"],
    size: int | None,
    walls: float,
    threads: int,
) -> Iterator[Contender]:
    """Give the contender that the options name; its sandbox ends with the block.

    Args:
        policy: name or directory of a policy.
        teacher: name of a teacher; one of the two is given.
        controller: the file of a controller.
        sandbox: where that runs.
        size: side of the board; the policy's own by default, `TEACHERS_SIZE` for a teacher.
        walls: share of the cells that become walls.
        threads: that may work at once.

    Raises:
        UsageError: neither or both of policy and teacher, an unknown one, a board that it cannot play, or a file that cannot be
            read.
        CandidateFault: the controller failed, there or in the block.
        SurroundingsError: the sandbox is missing, or the base of a policy.
    """
    if (policy is None) == (teacher is None):
        found = "neither" if policy is None else "both"
        raise UsageError(f"who is to play? found {found} of --policy and --teacher, expected one of them")
    name = policy or teacher or ""
    source = None if controller is None else read_text(controller, "controller")
    loaded, side, abreast = (name, size, threads) if policy is None else load_policy(name, size, threads)
    side = TEACHERS_SIZE if side is None else side
    task = make_task(TaskSettings.model_validate({"size": side, "walls": walls}))
    player = Contender(name, task, loaded, None, side, task.best_score, abreast)
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


def load_policy(name: str, size: int | None, threads: int) -> tuple[Policy | str, int | None, int]:
    """Return a policy, the side of its boards, and how many batches may ask it at once.

    Snake-GPT computes on one thread for each batch, so that what comes out does not depend on their number. Larger models take
    one batch after the other, on all threads.

    Raises:
        UsageError: there is no such policy, or it is another board's.
        SurroundingsError: its base is not on this machine.
    """
    from ouroloop.policy import snake_gpt
    from ouroloop.policy.bases import open_policy, player_of
    from ouroloop.policy.shipped import find_policy

    task = None if size is None else make_task(TaskSettings.model_validate({"size": size}))
    policy = open_policy(find_policy(name), task=task)
    small = isinstance(policy, snake_gpt.SnakeGPT)
    snake_gpt.threads(1 if small else threads)
    player: Policy = player_of(policy)
    return player, int(policy.encoding.settings["size"]), threads if small else 1


def cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

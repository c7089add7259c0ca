"""Plays games of a run again, in a process of its own, so that a page's server loads no model and runs no candidate's code.

The controllers are hostile code and run in a sandbox, as in the run. Policies are data, opened as any policy is. What the child
sends back are the films alone, as text, or the bytes of a GIF or an MP4.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final

from ouroloop.protocols.errors import OuroloopError, SurroundingsError
from ouroloop.protocols.text import plain_line

if TYPE_CHECKING:
    from ouroloop.inspect.page.games.film import Asked

LIMIT_S: Final = 180.0
"""How long a replay may take."""


def replayed(asked: Asked, limit_s: float = LIMIT_S) -> list[str | bytes]:
    """Return what is made of games that are played again: films as JSON, or the bytes of files.

    Args:
        asked: what is to be played.
        limit_s: how long it may take.

    Raises:
        OuroloopError: the run cannot be played: a part is damaged, the sandbox is missing, or a controller fails.
        SurroundingsError: it took longer than `limit_s`, or the process ended.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(asked, theirs, os.getpid()), daemon=True)
    child.start()
    theirs.close()
    try:
        if not ours.poll(limit_s):
            raise SurroundingsError(f"the games took longer than {limit_s:.0f} s: play them with `ouroloop watch`")
        done, found = ours.recv()
    except EOFError:
        raise SurroundingsError("the process that played the games ended: is there memory left?") from None
    finally:
        ours.close()
        child.join(2)
        if child.is_alive():
            child.kill()
            child.join()
    if not done:
        raise OuroloopError(str(found))
    return list(found)


def _work(asked: Asked, pipe: Connection, parent: int) -> None:
    """Play and send what is made of it, or the line that says why not."""
    from ouroloop.runs.executors.children import settle_in
    from ouroloop.runs.libraries import silence

    settle_in(parent)
    silence()
    try:
        from ouroloop.inspect.page.games.playing import made_of

        pipe.send((True, made_of(asked)))
    except OuroloopError as error:
        pipe.send((False, plain_line(str(error), 600)))
    except Exception as error:  # of a damaged run's parts: the page shows the line
        pipe.send((False, plain_line(f"{type(error).__name__}: {error}", 600)))

"""Errands in child processes, a few at a time. Each has a fresh process, so none can touch what another one does.

Ctrl-C and SIGTERM are the parent's: it asks the children to stop, waits for them, and kills those that do not. A child whose
parent was killed ends by itself.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

from ouroloop.inspect.ablation.told import Heard, Told
from ouroloop.ledger.faults import is_full
from ouroloop.protocols.errors import OuroloopError, SurroundingsError
from ouroloop.runs.executors.children import deaf_children, settle_in
from ouroloop.runs.libraries import silence
from ouroloop.runs.progress import Progress
from ouroloop.sheltered import leave_process
from ouroloop.streams import PlainFormatter

LISTEN_S: Final = 0.5
"""How long to wait for a word of the children before the display is brought up to date."""
GRACE_S: Final = 20.0
"""How long children may take to stop; one in the middle of a training step, say, hears of it only after that."""
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Errand:
    """A piece of work: its name for people, and a function that can be pickled, which shows its progress."""

    name: str
    work: Callable[[Progress], None]


def run_abreast(
    errands: Sequence[Errand],
    jobs: int,
    progress: Progress,
    what: str,
    *,
    begins: Callable[[int, int], None] = lambda place, done: None,
    breaks: Callable[[int, bool], None] = lambda place, failed: None,
    fails: Callable[[int, OuroloopError], None] | None = None,
) -> None:
    """Do errands in child processes, in order.

    Args:
        errands: the work.
        jobs: how many processes at a time.
        progress: shows how it goes on, and the notes of all.
        what: the name of it all in the display.
        begins: called with the place of each errand that begins, and the number of those that have ended.
        breaks: called with the place of each errand that is cut off, and whether it was its own failure.
        fails: called with the place of an errand that failed, and its error. The others then go on.

    Raises:
        OuroloopError: an errand failed, with the same exit code and message; the others were stopped. Never with `fails`.
        SurroundingsError: a process was killed; likewise.
    """
    hall = _Hall(errands, jobs, progress, what, begins, fails)
    progress.phase(0, 0, what)
    try:
        hall.work()
    except BaseException:
        for child in hall.children.values():
            breaks(child.place, child.broke)
        hall.stop()
        raise


@dataclass(slots=True)
class _Child:
    """An errand that is under way."""

    place: int
    process: BaseProcess
    heard: Heard
    broke: bool = False


@dataclass(slots=True)
class _Hall:
    """The children, by their pipes, and the places of the errands that wait."""

    errands: Sequence[Errand]
    jobs: int
    progress: Progress
    what: str
    begins: Callable[[int, int], None]
    fails: Callable[[int, OuroloopError], None] | None
    children: dict[Connection, _Child] = field(default_factory=dict)
    gone: list[Heard] = field(default_factory=list)

    def work(self) -> None:
        """Do all errands."""
        waiting = deque(range(len(self.errands)))
        while waiting or self.children:
            while waiting and len(self.children) < self.jobs:
                self.begin(waiting.popleft())
            for pipe in wait(list(self.children), LISTEN_S):
                assert isinstance(pipe, Connection)
                self.listen(pipe)
            self.show()

    def begin(self, place: int) -> None:
        """Start the process of an errand."""
        self.begins(place, len(self.gone))
        errand, context = self.errands[place], multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(errand.work, theirs, os.getpid()), name=errand.name)
        self.children[ours] = _Child(place, process, Heard(errand.name, self.progress))
        with deaf_children():
            process.start()
        theirs.close()  # so that the end of the child is the end of the stream

    def listen(self, pipe: Connection) -> None:
        """Take what a child has said so far; see it off if it has ended."""
        child = self.children[pipe]
        try:
            while pipe.poll():
                child.heard.hear(pipe.recv())
        except (EOFError, OSError):
            child.process.join()
            self.leave(pipe, child)

    def leave(self, pipe: Connection, child: _Child) -> None:
        """See a child off that has ended, done or not."""
        if not child.heard.is_done:
            error = child.heard.error or _died(child.heard.name, child.process.exitcode)
            child.broke = self.fails is None
            if self.fails is None:
                raise error
            self.fails(child.place, error)
        del self.children[pipe]
        pipe.close()
        self.gone.append(child.heard)

    def show(self) -> None:
        """Show how far the errands are, and what they use."""
        under_way = [child.heard for child in self.children.values()]
        tokens, costs = zip(*(heard.tokens for heard in (*self.gone, *under_way)), strict=True)
        if sum(tokens):
            self.progress.used(sum(tokens), sum(costs))
        share = (len(self.gone) + sum(heard.share for heard in under_way)) / len(self.errands)
        self.progress.advance(self.what, share, "; ".join(f"{heard.name}: {heard.where}" for heard in under_way))

    def stop(self) -> None:
        """End the children that are left: first they are asked, then killed."""
        left = [child.process for child in self.children.values() if child.process.pid is not None]
        for process in left:
            process.terminate()
        for pipe in self.children:
            pipe.close()  # nobody must wait for us to listen
        deadline = time.monotonic() + GRACE_S
        try:
            for process in left:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in left:
                process.kill()
                process.join()


def _died(name: str, code: int | None) -> OuroloopError:
    """Return the error of a process that ended without a word."""
    if code is not None and code < 0:
        return SurroundingsError(f"the process of {name} was killed (signal {-code}; out of memory?): try again with --jobs 1")
    return OuroloopError(f"the process of {name} ended with exit code {code}; what it said is above")


def _child(work: Callable[[Progress], None], pipe: Connection, parent: int) -> None:
    """Do an errand in the child."""
    settle_in(parent)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _quiet()
    told, code = Told(pipe), 0
    try:
        work(told)
        told.say("done")
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OuroloopError as error:
        code = error.exit_code
        told.say("failed", code, str(error))
    except OSError as error:
        if not is_full(error):
            raise
        told.say("failed", SurroundingsError.exit_code, f"no room left on the disk ({error}): free some")
    leave_process(code)


def _quiet() -> None:
    """Let loggers and libraries say no more than in the parent."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(name)s: %(message)s"))
    logging.basicConfig(level="ERROR", handlers=[handler])
    logging.getLogger("ouroloop").setLevel("WARNING")
    silence()

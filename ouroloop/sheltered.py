"""Calls into code that others wrote: roles, games, and the modules that hold them.

Such code runs in a thread of its own, within a time limit. Whatever it raises (`SystemExit` and `KeyboardInterrupt` included)
becomes a `Fault`, and whatever it prints goes to stderr, because stdout belongs to results.

It shares the process all the same. `os._exit`, a crash of the interpreter, and a call that never lets go of the interpreter's
lock are not stopped; see docs/security.md.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from pathlib import PurePath
from typing import Any, Final, Generic, NoReturn, TypeVar

from ouroloop.protocols.text import plain_line, without_addresses

T = TypeVar("T")
LOAD_S: Final = 60.0
"""The most seconds that a module may take to be imported, or an object to be built."""
STOPS: Final = 3
"""How often a thread that is left behind is told to stop; code may catch the first exceptions."""


class Fault(Exception):
    """Code from outside failed; the message is one line that is safe to show.

    Args:
        message: the line.
        kind: the type's name of what was raised.
    """

    def __init__(self, message: str, kind: str = "Fault") -> None:
        """Keep the line and the kind."""
        super().__init__(message)
        self.kind = kind


LINE: Final = 300
"""The most characters of the line that describes an exception."""


def described(error: BaseException, owner: Callable[[], str] | None = None) -> str:
    """Return an exception of others as one line without memory addresses, even if its own text cannot be made.

    Args:
        error: the exception.
        owner: returns the name of the module whose code failed; the line then ends with its file and line, if it has any.
    """
    name = type(error).__name__
    try:
        said = str(error)
    except BaseException:
        said = "(its message cannot be shown)"
    where = "" if owner is None else _place(error, owner)
    return plain_line(without_addresses(f"{name}: {said}" if said else name), LINE - len(where)) + where


def _place(error: BaseException, owner: Callable[[], str]) -> str:
    """Return file and line of the innermost frame of a module's code, or of its package's, in brackets; empty without one."""
    found = ""
    try:
        package, at = owner().partition(".")[0], error.__traceback__
        while at is not None:
            if str(at.tb_frame.f_globals.get("__name__")).partition(".")[0] == package:
                found = f" ({plain_line(PurePath(at.tb_frame.f_code.co_filename).name, 80)}:{at.tb_lineno})"
            at = at.tb_next
    except BaseException:  # module, frame and exception belong to others
        return ""
    return found


class Call(Generic[T]):
    """A call under way in a daemon thread.

    `outcome` is a future of its result; instead of an exception of the code's own it holds a `Fault`. The types in `passed`
    are handed on as they are. `owner` is as for `described`.
    """

    def __init__(
        self,
        work: Callable[[], T],
        passed: tuple[type[BaseException], ...] = (),
        owner: Callable[[], str] | None = None,
    ) -> None:
        """Begin."""
        self.outcome: Future[T] = Future()
        self.outcome.set_running_or_notify_cancel()  # from here on only the thread settles it
        self.on_leave: Callable[[], object] = bool
        """Called when the call is left behind, to cancel what it waits for."""
        self._work, self._passed, self._owner = work, passed, owner
        self._before = set(threading.enumerate())
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome.set_result(self._work())
        except BaseException as error:
            known = isinstance(error, (Fault, *self._passed))
            self.outcome.set_exception(error if known else Fault(described(error, self._owner), type(error).__name__))
        finally:
            _note_strays(set(threading.enumerate()) - self._before - {self._thread})

    def leave(self) -> None:
        """Leave the call behind: cancel what it waits for, and stop its thread as soon as that executes Python again."""
        _note_strays({self._thread})
        with contextlib.suppress(Exception):
            self.on_leave()
        for _ in range(STOPS):
            self._thread.join(0.1)
            if not self._thread.is_alive():
                return
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(SystemExit))


def sheltered(work: Callable[[], T], timeout_s: float = LOAD_S) -> T:
    """Return what some code of others returns.

    Raises:
        Fault: it raised something, or took longer than `timeout_s`.
    """
    with stdout_aside():
        call = Call(work)
        try:
            return call.outcome.result(timeout_s)
        except OutOfTime:
            call.leave()
            raise Fault(f"it did not finish within {timeout_s:g} s", "TimeoutError") from None


_aside = threading.RLock()
_depth = 0


@contextlib.contextmanager
def stdout_aside() -> Iterator[None]:
    """Send to stderr whatever this process, its threads and its children write on stdout until the block ends."""
    global _depth  # blocks of several threads overlap, and only the last one out may put stdout back
    with _aside:
        _depth += 1
        if _depth == 1:
            _divert()
    try:
        yield
    finally:
        with _aside:
            _depth -= 1
            if _depth == 0:
                _put_back()


_kept: list[tuple[Any, int | None]] = []


def _divert() -> None:
    _flush()
    descriptor = None
    with contextlib.suppress(OSError):  # no stdout at all: there is nothing to divert
        descriptor = os.dup(1)
        os.dup2(2, 1)
    _kept.append((sys.stdout, descriptor))
    sys.stdout = sys.stderr


def _put_back() -> None:
    _flush()
    stdout, descriptor = _kept.pop()
    sys.stdout = stdout
    if descriptor is not None:
        os.dup2(descriptor, 1)
        os.close(descriptor)


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__):
        with contextlib.suppress(Exception):
            if stream is not None:
                stream.flush()


_strays: set[threading.Thread] = set()


def _note_strays(threads: set[threading.Thread]) -> None:
    """Remember threads that code of others may leave running when the program ends."""
    _strays.difference_update([thread for thread in _strays if not thread.is_alive()])
    _strays.update(threads)


def leave_process(code: int) -> NoReturn:
    """End the program, without waiting for a thread that code of others left running: it may never end."""
    if any(thread.is_alive() for thread in _strays):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)
    sys.exit(code)

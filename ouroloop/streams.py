"""The standard streams: what makes them safe, and how an error of theirs is told. Nothing heavy is imported here."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ouroloop.protocols.errors import SurroundingsError
from ouroloop.protocols.text import plain


class ReaderGone(Exception):
    """Whoever read our output has closed it, as `| head` does."""


def escaped(value: object) -> str:
    """Return text on one line: hidden characters, line feeds and tabs as escapes."""
    return plain(str(value)).replace("\n", "\\n").replace("\t", "\\t")


def say_json(document: object, indent: int | None = None) -> None:
    """Print a JSON document on stdout, in ASCII."""
    with written():
        print(json.dumps(document, indent=indent), flush=True)  # noqa: T201  (the line is the purpose)


def complain(text: str) -> None:
    """Print one line on stderr; if even that is impossible, nothing."""
    try:
        print(f"ouroloop: error: {escaped(text)}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        return


@contextmanager
def written() -> Iterator[None]:
    """Turn an error of the stream that is written in the block into one that the command line knows.

    Raises:
        ReaderGone: the reader closed it.
        SurroundingsError: it cannot be written.
    """
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise SurroundingsError(f"the output cannot be written ({error.strerror}): send it somewhere else") from None


def ready() -> None:
    """Make the standard streams safe: each exists, and none fails on a character that its encoding lacks.

    A descriptor that was closed before the start would be given to the next file that is opened, and whatever a child process
    prints would land in that file.

    Raises:
        SurroundingsError: stdout is closed.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  (it stays open until the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        raise SurroundingsError("stdout is closed, and results go there: give it a file, a pipe or /dev/null")


def flush() -> None:
    """Flush stdout; what it still holds after an error goes nowhere, so that the interpreter does not complain at its exit.

    Raises:
        ReaderGone: the reader closed it.
        SurroundingsError: it cannot be written.
    """
    if sys.stdout is None:
        return
    try:
        with written():
            sys.stdout.flush()
    except (ReaderGone, SurroundingsError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        raise


class PlainFormatter(logging.Formatter):
    """Formats a log record with hidden characters as escapes; its message takes one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the name is the base class's)
        """Return the line of the message."""
        return escaped(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the traceback, if there is one."""
        return plain(super().format(record))

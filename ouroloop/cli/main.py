"""The command line. Results go to stdout, progress and notes to stderr. Each command imports the heavy parts it needs.

Exit codes: 0 done, 1 the operation failed or fell short, 2 bad usage or input, 3 something around the project is missing;
as in shells, 130 after Ctrl-C (or SIGTERM) and 141 if the reader of our output has gone.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sqlite3
import sys

import click

from ouroloop.cli.ablate import ablate
from ouroloop.cli.bench import bench
from ouroloop.cli.deciding import approve, propose, rollback
from ouroloop.cli.learning.train import train
from ouroloop.cli.models import models
from ouroloop.cli.parts import doctor, protocol, roles, screen, tasks
from ouroloop.cli.play import evaluate
from ouroloop.cli.running import resume, run
from ouroloop.cli.showing.page import demo, report, ui
from ouroloop.cli.showing.runs import diff, list_, show_
from ouroloop.cli.showing.watch import watch
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from ouroloop.runs.libraries import silence
from ouroloop.sheltered import leave_process
from ouroloop.streams import PlainFormatter, ReaderGone, complain, flush, ready
from ouroloop.version import __version__

INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""


READER_GONE = 141
"""Exit code if the reader of our output closes it before the end (`| head`), as in shells."""


def main() -> None:
    """Run the command line and exit. SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["PYTHONSAFEPATH"] = "1"  # no child of ours imports what lies where the user stands, such as a received run
    try:
        ready()
        code = call(sys.argv[1:])
        flush()
    except ReaderGone:
        code = READER_GONE
    except SurroundingsError as error:
        code = _complained(str(error), error.exit_code)
    leave_process(code)


def call(arguments: list[str]) -> int:
    """Run one command; return its exit code. An error is one line on stderr that names the problem and the remedy."""
    try:
        code = cli.main(args=arguments, prog_name="ouroloop", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:  # no command was named: its message is the help
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.ClickException as error:
        return _complained(_usage(error), UsageError.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ReaderGone:
        return READER_GONE
    except OuroloopError as error:
        return _complained(str(error), error.exit_code)
    except (OSError, sqlite3.Error) as error:
        from ouroloop.ledger.faults import is_full

        if is_full(error):
            text = f"no room left on the disk ({error}): free some, then go on with `ouroloop resume DIR`"
            return _complained(" ".join(text.split()), SurroundingsError.exit_code)
        if isinstance(error, OSError) and error.errno in REFUSALS and error.filename is not None:
            return _complained(f"{error.filename}: {error.strerror}", UsageError.exit_code)
        raise


REFUSALS = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)
)
"""What the system says of a path that cannot be what the user wants it to be."""


def _usage(error: click.ClickException) -> str:
    """Return what click found wrong, and the help to read."""
    said = " ".join(error.format_message().split()).rstrip(".")
    where = f"; `{error.ctx.command_path} --help` tells more" if isinstance(error, click.UsageError) and error.ctx else ""
    return said + where


def _complained(text: str, code: int) -> int:
    complain(text)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ouroloop")
def cli() -> None:
    """A self-improving loop for game-playing policies: design rewards, patch the controller, keep what is truly better.

    \b
    Examples:
      ouroloop doctor --prepare
      ouroloop run recipes/quickstart.toml
      ouroloop show runs/quickstart-001
      ouroloop watch --policy snake-gpt-10x10

    \b
    Exit codes: 0 done, 1 the thing asked about failed or fell short, 2 wrong
    input, 3 something around the project is missing, 130 stopped by Ctrl-C or
    SIGTERM, 141 the reader of the output has gone.
    """
    _log(os.environ.get("OUROLOOP_LOG", "").upper())
    silence()


def _log(level: str) -> None:
    """Print log records on stderr: our own warnings, and errors of libraries, unless OUROLOOP_LOG says otherwise."""
    if level and level not in logging.getLevelNamesMapping():
        raise UsageError(f"OUROLOOP_LOG={level} is no level: use DEBUG, INFO, WARNING or ERROR")
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(name)s: %(message)s"))
    logging.basicConfig(level=level or "ERROR", handlers=[handler])
    logging.getLogger("ouroloop").setLevel(level or "WARNING")


COMMANDS = [
    ablate,
    approve,
    bench,
    demo,
    diff,
    doctor,
    evaluate,
    list_,
    models,
    propose,
    protocol,
    report,
    resume,
    roles,
    rollback,
    run,
    screen,
    show_,
    tasks,
    train,
    ui,
    watch,
]
for command in COMMANDS:
    cli.add_command(command)

if __name__ == "__main__":
    main()

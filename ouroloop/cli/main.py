"""The command line. Results go to stdout, progress and notes to stderr. Each command imports the heavy parts it needs.

Exit codes: 0 done, 1 the operation failed or fell short, 2 bad usage or input, 3 something around the project is missing.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys

import click

from ouroloop.cli.bench import bench
from ouroloop.cli.learning.train import train
from ouroloop.cli.looking import diff, list_, show
from ouroloop.cli.parts import doctor, protocol, roles, screen, tasks
from ouroloop.cli.play import evaluate
from ouroloop.cli.running import ablate, resume, rollback, run
from ouroloop.cli.watch import watch
from ouroloop.protocols.errors import OuroloopError, SurroundingsError
from ouroloop.runs.libraries import silence
from ouroloop.version import __version__

INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command; return its exit code. An error is one line on stderr that names the problem and the remedy."""
    try:
        code = cli.main(args=arguments, prog_name="ouroloop", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Abort:
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OuroloopError as error:
        return _complain(str(error), error.exit_code)
    except (OSError, sqlite3.Error) as error:
        from ouroloop.ledger.faults import is_full

        if not is_full(error):
            raise
        text = f"no room left on the disk ({error}): free some, then go on with `ouroloop resume DIR`"
        return _complain(" ".join(text.split()), SurroundingsError.exit_code)


def _complain(text: str, code: int) -> int:
    click.echo(f"ouroloop: error: {text}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ouroloop")
def cli() -> None:
    """A self-improving loop for game-playing policies: design rewards, patch the controller, keep what is truly better."""
    logging.basicConfig(level=os.environ.get("OUROLOOP_LOG", "ERROR").upper(), format="%(name)s: %(message)s")
    logging.getLogger("ouroloop").setLevel(os.environ.get("OUROLOOP_LOG", "WARNING").upper())
    silence()


COMMANDS = [
    ablate,
    bench,
    diff,
    doctor,
    evaluate,
    list_,
    protocol,
    resume,
    roles,
    rollback,
    run,
    screen,
    show,
    tasks,
    train,
    watch,
]
for command in COMMANDS:
    cli.add_command(command)

if __name__ == "__main__":
    main()

"""The page on the commands, `docs/commands.md`.

`python -m ouroloop.cli.pages.commands > docs/commands.md` writes it from the commands; a test fails when they differ.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Final

import click

from ouroloop.cli.bench import Bench
from ouroloop.cli.main import cli
from ouroloop.inspect.pages.docstrings import wrapped
from ouroloop.inspect.pages.markdown import table

HEAD: Final = """\
# Commands

Every command has `--help`, which says what this page says. `python -m ouroloop.cli.pages.commands > docs/commands.md`
writes the page from the commands. The [README](../README.md#commands) has them in one table, with the exit codes.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(f"\n{part}\n" for part in _parts(cli, click.Context(cli, info_name="ouroloop")))


def inside(command: click.Command) -> dict[str, click.Command]:
    """Return the commands that a command leads to, by name."""
    if isinstance(command, Bench):
        return command.own
    return dict(command.commands) if isinstance(command, click.Group) else {}


def _parts(outer: click.Command, context: click.Context) -> Iterator[str]:
    for name, command in sorted(inside(outer).items()):
        inner = click.Context(command, info_name=name, parent=context, max_content_width=100, terminal_width=100)
        yield _section(command, inner)
        yield from _parts(command, inner)


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join(command.get_usage(context).removeprefix("Usage:").split())
    options = [record for option in command.get_params(context) if (record := option.get_help_record(context))]
    rows = {_cell(name): _cell(said) for name, said in options if said and "--help" not in name}
    parts = [f"## {context.command_path}", f"```\n{usage}\n```", _text(inspect.cleandoc(command.help or ""))]
    return "\n\n".join([*parts, *([table(("option", "meaning"), rows)] if rows else [])])


def _text(said: str) -> str:
    """Return a command's help as Markdown; what click is told to leave as it is becomes a block of code."""
    parts = []
    for part in said.split("\n\n"):
        if part.startswith("\b\nExamples:"):
            parts.append("```sh\n" + "\n".join(line.strip() for line in part.splitlines()[2:]) + "\n```")
        else:
            parts.append(wrapped(part.removeprefix("\b\n")))
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    """Return a text as a cell of a table can hold it."""
    return re.sub(r"\s+", " ", text).replace("|", "/")


if __name__ == "__main__":
    click.echo(page(), nl=False)

"""The help of every command: it fits 80 columns, says what each option does, and shows examples that parse."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from ouroloop.bench.catalogue import BENCHES
from ouroloop.cli.main import cli

NO_EXAMPLE = {"train", "roles", "tasks", "protocol", "conformance"}
"""Groups, and commands whose use needs no example."""


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(("path", "command"), commands(), ids=[" ".join(path) for path, _ in commands()])
def test_help_fits_and_explains(path: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help"], terminal_width=80, prog_name="ouroloop")
    assert shown.exit_code == 0
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    assert "…" not in shown.output
    for option in command.params:
        if isinstance(option, click.Option) and not isinstance(option.type, click.Choice):
            assert option.help, option.name
    examples = [line.strip() for line in shown.output.splitlines() if line.startswith("    ouroloop ")]
    assert examples or path[-1] in NO_EXAMPLE
    for example in examples:
        words = shlex.split(example.split("|")[0])[1:]
        assert tuple(words[: len(path)]) == path
        command.make_context(path[-1], words[len(path) :])


def test_the_help_of_the_whole_names_every_command_in_one_line() -> None:
    shown = CliRunner().invoke(cli, ["--help"], terminal_width=80, prog_name="ouroloop").output
    for name in cli.commands:
        assert f"\n  {name} " in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "130 stopped by Ctrl-C" in shown


def test_the_benchmarks_are_listed_in_whole_words() -> None:
    shown = CliRunner().invoke(cli, ["bench", "--help"], terminal_width=80, prog_name="ouroloop").output
    assert "ouroloop bench [OPTIONS] NAME" in shown
    listed = " ".join(shown.split())
    assert f"NAME is one of {', '.join(BENCHES)}." in listed

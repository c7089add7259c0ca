"""The generated pages about commands and Python names: they say what the code says, and leave nothing out."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import ouroloop
from ouroloop.cli.main import cli
from ouroloop.cli.pages import api, commands
from ouroloop.protocols import ports

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(("name", "made"), [("commands", commands.page), ("api", api.page)])
def test_a_page_is_what_the_generator_writes(name: str, made: object) -> None:
    assert callable(made)
    assert (DOCS / f"{name}.md").read_text() == made(), f"run `python -m ouroloop.cli.pages.{name} > docs/{name}.md`"


def test_every_command_and_every_option_is_there() -> None:
    page = commands.page()
    for name, command in cli.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        for path, one in {name: command, **{f"{name} {key}": value for key, value in inner.items()}}.items():
            section = page.partition(f"## ouroloop {path}\n")[2].partition("\n## ")[0]
            assert section, path
            options = [option for param in one.params if isinstance(param, click.Option) for option in param.opts]
            assert [option for option in options if option not in section] == [], path


def test_every_public_name_and_every_port_is_there() -> None:
    page = api.page()
    names = [name for name in ouroloop.__all__ if not name.startswith("__")]
    names += ["Engine", "Task", "Policy", "Sandbox", "Session", "Role", "Eye", "Oracle", "Teachers"]
    assert all(hasattr(ports, name) or name in ouroloop.__all__ for name in names)
    assert [name for name in names if f"\n### {name}\n" not in page] == []

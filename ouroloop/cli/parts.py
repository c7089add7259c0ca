"""Commands about the installation (`roles`, `tasks`, `protocol`, `doctor`), and `screen`, for one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ouroloop.cli.options import FOLDER
from ouroloop.streams import say_json


@click.command()
@click.argument("file", type=FOLDER)
@click.option("--against", type=FOLDER, help="The controller that a diff applies to; the game's start controller by default.")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "wasm"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def screen(file: Path, against: Path | None, sandbox: str, as_json: bool) -> int:
    """Run FILE (a controller, a diff or a model's whole reply) through every layer before the gate.

    \b
    Examples:
      ouroloop screen reply.txt
      ouroloop screen patch.diff --against controller.py --sandbox wasm
    """
    from ouroloop.cli.screen import screen_file
    from ouroloop.terminal import say

    document = screen_file(file, against, sandbox)
    if as_json:
        say_json(document)
    else:
        times = ", ".join(f"{layer} {ms:.1f} ms" for layer, ms in document["ms"].items())
        say(f"{document['outcome']} at {document['layer']}: {document['reason']}")
        say(f"{times}; sandbox {document['sandbox']}")
    return 0 if document["outcome"] == "passed" else 1


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def roles(as_json: bool) -> None:
    """List the installed roles (entry points `ouroloop.roles`)."""
    from ouroloop.agents.finding import find_role, installed_roles

    rows = [
        {"name": name, "method": find_role(name).method, "where": where} for name, where in sorted(installed_roles().items())
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:18} {row['method']:18} {row['where']}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tasks(as_json: bool) -> None:
    """List the installed games (entry points `ouroloop.tasks`) and their settings."""
    from ouroloop.envs.registry import TaskSettings, installed_games
    from ouroloop.terminal import say

    rows: list[dict[str, Any]] = [
        {"name": name, "where": where, "settings": TaskSettings.model_validate({"name": name}).own.model_dump()}
        for name, where in sorted(installed_games().items())
    ]
    if as_json:
        say_json(rows)
        return
    for row in rows:
        say(f"{row['name']:18} {row['where']}")
        for key, value in row["settings"].items():
            say(f"  task.{key} = {json.dumps(value)}")


@click.command()
def protocol() -> None:
    """Print the OpenRPC document of the roles' methods."""
    from ouroloop.protocols.openrpc import document

    say_json(document(), indent=2)


@click.command()
@click.option("--prepare", is_flag=True, help="Build what the first run would build: the WASM worker and the compiled engine.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(prepare: bool, as_json: bool) -> int:
    """Check the surroundings: interpreter, git, sandboxes, disk, roles. Exit with 3 if a run could not begin.

    \b
    Examples:
      ouroloop doctor --prepare
    """
    from ouroloop.cli.doctor import examine
    from ouroloop.cli.doctor import prepare as build
    from ouroloop.terminal import say

    if prepare:
        build()
    checks = examine()
    if as_json:
        say_json({"ok": not any(c["needed"] and not c["ok"] for c in checks), "checks": checks})
    else:
        for c in checks:
            mark, style = ("ok", "green") if c["ok"] else ("MISS", "red") if c["needed"] else ("no", "yellow")
            say(f"{mark:4} {c['name']:14} {c['found']}" + ("" if c["ok"] else f"  -> {c['remedy']}"), style=style)
    return 3 if any(c["needed"] and not c["ok"] for c in checks) else 0

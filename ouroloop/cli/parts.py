"""Commands about the installation (`roles`, `tasks`, `protocol`, `doctor`), and `screen`, for one file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ouroloop.cli.options import FOLDER
from ouroloop.protocols.text import plain_line
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
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def roles(name: str | None, as_json: bool) -> None:
    """List the installed roles (entry points `ouroloop.roles`), or the config keys of the role NAME.

    NAME is an installed role, module:Class or file.py:Class.
    """
    from ouroloop.agents.finding import survey
    from ouroloop.terminal import say

    if name is not None:
        print_role(name, as_json)
        return
    found = survey()
    if as_json:
        rows = [
            {"name": r.name, "method": r.role.method if r.role else None, "where": r.where, "fault": r.fault} for r in found
        ]
        say_json(rows)
        return
    for r in found:
        said = f"{r.role.method:18} {plain_line(r.where)}" if r.role else f"cannot be used: {r.fault}"
        say(f"{plain_line(r.name, 60):18} {said}")
    say("`ouroloop roles NAME` shows the config keys of a role", err=True)


def print_role(name: str, as_json: bool) -> None:
    """Print a role's config keys: name, type, default and meaning."""
    from ouroloop.agents.finding import find_role
    from ouroloop.protocols.config_keys import config_keys
    from ouroloop.terminal import say

    role = find_role(name)
    keys, doc = config_keys(role.Config), plain_line((role.__doc__ or "").strip().partition("\n")[0])
    if as_json:
        rows = [asdict(key) for key in keys]
        say_json({"name": role.name, "method": role.method, "doc": doc, "config": rows})
        return
    say(f"{role.name} answers {role.method}. {doc}".rstrip())
    for key in keys:
        default = "required" if key.required else f"default {json.dumps(key.default)}"
        say(f"  config.{key.key} ({key.type}; {default})" + (f": {key.doc}" if key.doc else ""))
    if not keys:
        say("  it has no config keys")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tasks(as_json: bool) -> None:
    """List the installed games (entry points `ouroloop.tasks`) and their settings."""
    from ouroloop.envs.registry import survey
    from ouroloop.terminal import say

    found = survey()
    if as_json:
        rows = [{"name": g.name, "where": g.where, "settings": g.settings, "fault": g.fault} for g in found]
        say_json(rows)
        return
    for g in found:
        say(f"{plain_line(g.name, 60):18} {plain_line(g.where) if g.fault is None else f'cannot be played: {g.fault}'}")
        for key, value in g.settings.items():
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
        say_json({"ok": not any(c.needed and not c.ok for c in checks), "checks": [asdict(c) for c in checks]})
    else:
        for c in checks:
            mark, style = ("ok", "green") if c.ok else ("MISS", "red") if c.needed else ("no", "yellow")
            say(f"{mark:4} {c.name:14} {c.found}" + ("" if c.ok else f"  -> {c.remedy}"), style=style)
    return 3 if any(c.needed and not c.ok for c in checks) else 0

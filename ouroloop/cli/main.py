"""The command line. Results go to stdout, progress and notes to stderr; a command imports the heavy parts that it needs.

One short function per command, which is what makes it long.

Exit codes: 0 done, 1 the thing asked about failed or fell short, 2 usage or bad input, 3 the surroundings are missing.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import click

from ouroloop import __version__
from ouroloop.cli.bench import bench
from ouroloop.cli.play import evaluate, watch
from ouroloop.cli.train import train
from ouroloop.protocols.errors import OuroloopError, SurroundingsError, UsageError
from ouroloop.runs.libraries import silence

FOLDER = click.Path(path_type=Path)
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command; return its exit code. Errors are one line on stderr that names the thing and the remedy."""
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
        from ouroloop.ledger.sqlite import is_full

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


@cli.command()
@click.argument("recipe", type=FOLDER)
@click.option("--run-dir", type=FOLDER, help="Where the run is to lie; runs/<name>-NNN by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe, e.g. task.size=8.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
def run(recipe: Path, run_dir: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Launch a run of RECIPE."""
    from ouroloop.cli.printing import print_run
    from ouroloop.runs.lifecycle import create, next_folder
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import load_recipe

    settings = load_recipe(recipe, overrides)
    with progress() as shown:
        folder = run_dir or next_folder(settings.name)
        create(settings, folder, shown)
        _work(folder, shown, ())
    print_run(folder, as_json)


@cli.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--set", "overrides", multiple=True, metavar="budget.KEY=VALUE", help="Give the run more, e.g. budget.rounds=8.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
def resume(folder: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Go on with a run that was stopped or killed; nothing is done twice."""
    from ouroloop.cli.printing import print_run
    from ouroloop.runs.progress import progress

    with progress() as shown:
        _work(folder, shown, overrides)
    print_run(folder, as_json)


def _work(folder: Path, shown: Any, overrides: tuple[str, ...]) -> None:
    from ouroloop.runs.lifecycle import work

    try:
        work(folder, shown, overrides)
    except KeyboardInterrupt:
        shown.note(f"stopped; go on with `ouroloop resume {folder}`")
        raise


@cli.command(name="list")
@click.argument("home", type=FOLDER, default=Path("runs"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(home: Path, as_json: bool) -> None:
    """List the runs below HOME (runs/ by default)."""
    from rich.table import Table

    from ouroloop.cli.printing import print_rich
    from ouroloop.inspect.run import Report

    rows: list[dict[str, Any]] = []
    for path in sorted(home.glob("*/ledger.sqlite")) if home.is_dir() else []:
        try:
            report = Report(path.parent)
            document = report.document()
            report.close()
        except OuroloopError as error:
            rows.append({"run": path.parent.name, "status": f"unreadable: {error}", "rounds": 0, "accepted": 0, "score": None})
            continue
        accepted = sum(c["verdict"] == "accepted" for r in document["rounds"] for c in r["candidates"])
        last = next((r["incumbent"] for r in reversed(document["rounds"]) if r["incumbent"]), document["start"])
        row = {"run": document["run"], "status": document["status"], "rounds": len(document["rounds"]), "accepted": accepted}
        rows.append({**row, "score": last["score"]["mean"] if last else None})
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo(f"no runs below {home}; start one with `ouroloop run recipes/quickstart.toml`")
        return
    table = Table("run", "status", "rounds", "accepted", "score", pad_edge=False)
    for r in rows:
        score = "" if r["score"] is None else f"{r['score']:.1f}"
        table.add_row(r["run"], r["status"], str(r["rounds"]), str(r["accepted"]), score)
    print_rich(table)


@cli.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--round", "round_", type=int, help="Show one round (from 0, as in the JSON).")
@click.option("--candidate", help="Show one candidate by id.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(folder: Path, round_: int | None, candidate: str | None, as_json: bool) -> None:
    """Show a run: its rounds, or one candidate with its diff or reward, verdict and evidence."""
    from ouroloop.cli.printing import print_candidate, print_round, print_run
    from ouroloop.inspect.run import Report

    if candidate is None and round_ is None:
        print_run(folder, as_json)
        return
    report = Report(folder)
    try:
        if candidate is not None:
            print_candidate(report.candidate(candidate), as_json)
            return
        assert round_ is not None
        if not 0 <= round_ < report.rounds():
            raise UsageError(f"run {folder} has rounds 0..{report.rounds() - 1}, asked for {round_}")
        print_round(report.document(), round_, as_json)
    finally:
        report.close()


@cli.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("a")
@click.argument("b")
def diff(folder: Path, a: str, b: str) -> None:
    """Compare the controllers (or rewards) of two candidates A and B of a run; `start` is the first controller."""
    import difflib

    from ouroloop.inspect.run import Report

    report = Report(folder)
    try:
        old, new = report.pair(a, b)
    finally:
        report.close()
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), a, b)
    click.echo("".join(lines) or f"{a} and {b} are equal", nl=False)


@cli.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("candidate")
@click.option("--reason", default="by hand", help="Why; kept in the ledger.")
def rollback(folder: Path, candidate: str, reason: str) -> None:
    """Undo an accepted CANDIDATE of a run; what was accepted later stays where it still applies."""
    from ouroloop.ledger.steps.apply import manual_rollback, rollbacks
    from ouroloop.runs.lifecycle import opened
    from ouroloop.runs.phases.rollback import refuse_unsettled, roll_back
    from ouroloop.runs.phases.start import open_eyes
    from ouroloop.runs.phases.watch import losses
    from ouroloop.runs.progress import Quiet

    with opened(folder, Quiet(notes=False)) as open_run:
        refuse_unsettled(open_run)
        if open_run.recipe.perception == "vision":
            open_eyes(open_run)
        key = manual_rollback(len(rollbacks(open_run.ledger)))
        result = roll_back(open_run, key, candidate, reason, losses(open_run, candidate))
    for id, why in result.chain.items():
        click.echo(f"with it goes {id}: {why}")
    if result.retained:
        click.echo(f"kept: {', '.join(result.retained)}")
    click.echo(f"rolled back {candidate}; the workspace stands at {result.commit[:12]}")


@cli.command()
@click.argument("recipe", type=FOLDER)
@click.option(
    "--vary", required=True, metavar="KEY=A,B,...", help="The key to vary and its values, e.g. perception=json,vision."
)
@click.option(
    "--seeds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Seeds per value; pairs share a seed."
)
@click.option("--out", type=FOLDER, help="Where the ablation is to lie; ablations/<name>-NNN by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ablate(recipe: Path, vary: str, seeds: int, out: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Run RECIPE once per value and seed, and compare the values in pairs: a table, a plot, JSON."""
    from ouroloop.cli.printing import print_rich
    from ouroloop.inspect.ablation import ablate as compare
    from ouroloop.inspect.ablation import ablation_table
    from ouroloop.runs.lifecycle import next_folder
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import load_recipe

    name = load_recipe(recipe, overrides).name
    folder = out or next_folder(name, Path("ablations"))
    with progress() as shown:
        document = compare(recipe, overrides, vary, seeds, folder, shown)
    if as_json:
        click.echo(json.dumps(document))
        return
    print_rich(ablation_table(document))
    click.echo(f"plot: {folder / 'ablation.png'}; runs below {folder}")
    click.echo(f"next: ouroloop show {folder / document['runs'][0]['run']}")


@cli.command()
@click.argument("file", type=FOLDER)
@click.option("--against", type=FOLDER, help="The controller that a diff is against; the game's start controller by default.")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "wasm"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def screen(file: Path, against: Path | None, sandbox: str, as_json: bool) -> int:
    """Take a controller, a diff or a model's whole reply in FILE through every layer before the gate."""
    from ouroloop.cli.screen import screen_file

    document = screen_file(file, against, sandbox)
    if as_json:
        click.echo(json.dumps(document))
    else:
        times = ", ".join(f"{layer} {ms:.1f} ms" for layer, ms in document["ms"].items())
        click.echo(
            f"{document['outcome']} at {document['layer']}: {document['reason']}\n{times}; sandbox {document['sandbox']}"
        )
    return 0 if document["outcome"] == "passed" else 1


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def roles(as_json: bool) -> None:
    """List the roles that are installed (entry points `ouroloop.roles`)."""
    from ouroloop.runs.asking import find_role, installed_roles

    rows = [
        {"name": name, "method": find_role(name).method, "where": where} for name, where in sorted(installed_roles().items())
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:18} {row['method']:18} {row['where']}")


@cli.command()
def protocol() -> None:
    """Print the OpenRPC document of the roles' methods."""
    from ouroloop.protocols.openrpc import document

    click.echo(json.dumps(document(), indent=2))


@cli.command()
@click.option("--prepare", is_flag=True, help="Build what a first run would build: the WASM worker and the compiled engine.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(prepare: bool, as_json: bool) -> int:
    """Check the surroundings: interpreter, git, sandboxes, disk, roles. Exit 3 where a run could not begin."""
    from ouroloop.cli.doctor import examine
    from ouroloop.cli.doctor import prepare as build

    if prepare:
        build()
    checks = examine()
    if as_json:
        click.echo(json.dumps({"ok": not any(c["needed"] and not c["ok"] for c in checks), "checks": checks}))
    else:
        for c in checks:
            mark = (
                click.style("ok  ", fg="green")
                if c["ok"]
                else click.style("MISS" if c["needed"] else "no  ", fg="red" if c["needed"] else "yellow")
            )
            click.echo(f"{mark} {c['name']:14} {c['found']}" + ("" if c["ok"] else f"  -> {c['remedy']}"))
    return 3 if any(c["needed"] and not c["ok"] for c in checks) else 0


cli.add_command(bench)
cli.add_command(evaluate)
cli.add_command(train)
cli.add_command(watch)

if __name__ == "__main__":
    main()

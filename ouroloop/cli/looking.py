"""Commands that look at runs: `list`, `show` and `diff`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ouroloop.cli.options import FOLDER
from ouroloop.protocols.errors import OuroloopError, UsageError


@click.command(name="list")
@click.argument("home", type=FOLDER, default=Path("runs"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(home: Path, as_json: bool) -> None:
    """List the runs below HOME (runs/ by default)."""
    from rich.table import Table

    from ouroloop.cli.printing import print_rich
    from ouroloop.inspect.document import candidates, latest
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
        accepted, last = sum(c["verdict"] == "accepted" for c in candidates(document)), latest(document)
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


@click.command()
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
            print_candidate(report.candidate(candidate), as_json, folder)
            return
        assert round_ is not None
        if not 0 <= round_ < report.rounds():
            raise UsageError(f"run {folder} has rounds 0..{report.rounds() - 1}, asked for {round_}")
        print_round(report.document(), round_, as_json)
    finally:
        report.close()


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("a")
@click.argument("b")
def diff(folder: Path, a: str, b: str) -> None:
    """Compare the controllers (or rewards) of a run's candidates A and B; `start` is the first incumbent."""
    import difflib

    from ouroloop.inspect.run import Report

    report = Report(folder)
    try:
        old, new = report.pair(a, b)
    finally:
        report.close()
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), a, b)
    click.echo("".join(lines) or f"{a} and {b} are equal", nl=False)

"""Commands that look at runs: `list`, `show` and `diff`."""

from __future__ import annotations

from pathlib import Path

import click

from ouroloop.cli.options import FOLDER
from ouroloop.protocols.errors import UsageError
from ouroloop.streams import say_json

RUNS = Path("runs")


@click.command(name="list")
@click.argument("home", type=FOLDER, default=RUNS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(home: Path, as_json: bool) -> None:
    """List the runs below HOME (runs/ by default).

    \b
    Examples:
      ouroloop list
      ouroloop list ~/runs --json
    """
    from ouroloop.inspect.listing import listed
    from ouroloop.inspect.shown.listed import listed_table
    from ouroloop.terminal import say, show, width

    if not home.is_dir() and (home.exists() or home != RUNS):
        raise UsageError(f"{home} is no directory: give one that holds run directories")
    rows = listed(home)
    if as_json:
        say_json(rows)
        return
    if not rows:
        say(f"no runs below {home}; start one with `ouroloop run recipes/quickstart.toml`")
        return
    show(listed_table(rows, width()))


@click.command(name="show")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--round", "round_", type=int, help="Show one round; rounds count from 1.")
@click.option("--candidate", help="Show one candidate by id.")
@click.option("--follow", is_flag=True, help="Show the run live until it rests.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_(folder: Path, round_: int | None, candidate: str | None, follow: bool, as_json: bool) -> None:
    """Show a run: its rounds, or one candidate with its diff or reward, verdict and evidence.

    A candidate is shown with all that is recorded: its diff or reward, verdict and evidence,
    what the critic found, its training, lost games, and the exchange with a model.

    \b
    Examples:
      ouroloop show runs/quickstart-001
      ouroloop show runs/quickstart-001 --round 1
      ouroloop show runs/quickstart-001 --candidate r1-reward1 | less
      ouroloop show runs/quickstart-001 --follow
    """
    from ouroloop.cli.showing.candidate import print_candidate
    from ouroloop.cli.showing.printing import print_round, print_run
    from ouroloop.inspect.candidate.details import details
    from ouroloop.inspect.run import Report

    if candidate is not None and round_ is not None:
        raise UsageError(f"--round {round_} beside --candidate {candidate}: give one of them (a candidate tells its own round)")
    if follow:
        if candidate is not None or round_ is not None or as_json:
            raise UsageError("--follow shows a whole run for people: leave --round, --candidate and --json out")
        from ouroloop.inspect.page.following import follow as follow_run

        follow_run(folder)
    if candidate is None and round_ is None:
        print_run(folder, as_json)
        return
    report = Report(folder)
    try:
        if candidate is not None:
            found = details(report, candidate)
            say_json(found) if as_json else print_candidate(found, folder)
            return
        assert round_ is not None
        if round_ not in (known := report.numbers()):
            has = f"rounds {known[0]} to {known[-1]}" if known else "no rounds yet"
            raise UsageError(f"run {folder} has {has}, asked for round {round_}")
        print_round(report.document(), round_, as_json)
    finally:
        report.close()


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("a")
@click.argument("b")
def diff(folder: Path, a: str, b: str) -> None:
    """Compare the controllers (or rewards) of a run's candidates A and B; `start` is the first incumbent.

    \b
    Examples:
      ouroloop diff runs/quickstart-001 start r1-reward1
    """
    import difflib

    from ouroloop.inspect.run import Report
    from ouroloop.terminal import say_lines

    report = Report(folder)
    try:
        old, new = report.pair(a, b)
    finally:
        report.close()
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), a, b)
    say_lines("".join(lines).rstrip("\n") or f"{a} and {b} are equal")

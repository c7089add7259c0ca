"""Prints runs, rounds and candidates on stdout, as text or JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ouroloop.inspect.decision import effect_lines, way_back
from ouroloop.inspect.document import candidates
from ouroloop.inspect.history import attribution_lines, budget_line, history_table, naming_line, score_line, selection_line
from ouroloop.inspect.rounds import rounds_table
from ouroloop.inspect.run import Report

if TYPE_CHECKING:
    from rich.table import Table

    from ouroloop.inspect.document import CandidateOfRound, RunDocument
    from ouroloop.inspect.training import Training


def print_run(folder: Path, as_json: bool) -> None:
    """Print a run: its JSON document, or its tables, its directory and the command to type next."""
    report = Report(folder)
    document = report.document()
    report.close()
    if as_json:
        click.echo(json.dumps(document))
        return
    print_rich(rounds_table(document))
    print_rich(history_table(document))
    for line in attribution_lines(document):
        click.echo(f"who gets the credit: {line}")
    for said in (naming_line(document), selection_line(document), score_line(document)):
        if said is not None:
            click.echo(said)
    click.echo(budget_line(document))
    used = document["totals"]
    click.echo(f"{used['games']} games, {used['tokens']} tokens, {used['wall_s']:.0f} s; digest {document['digest'][:16]}")
    click.echo(f"run directory: {folder}")
    click.echo(f"next: ouroloop show {folder} --candidate {_worth_a_look(document)}")


def _worth_a_look(document: RunDocument) -> str:
    """Return the candidate to look at first: the last accepted one, or else the last one."""
    proposed = candidates(document)
    accepted = [c["id"] for c in proposed if c["verdict"] == "accepted"]
    return (accepted or [c["id"] for c in proposed] or ["ID"])[-1]


def print_rich(renderable: object) -> None:
    """Print a rich table, 160 columns wide if stdout is not a terminal."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 160
    Console(width=wide).print(renderable)


def text_of(renderable: object) -> str:
    """Return what `print_rich` prints without a terminal."""
    from rich.console import Console

    console = Console(width=160, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def training_table(document: Training) -> Table:
    """Return the results of a training as a table."""
    from rich.table import Table

    table = Table("training", "value", pad_edge=False)
    loss = document["loss"][-1] if document["loss"] else float("nan")
    table.add_row("steps", f"{document['steps']} in {document['seconds']:.0f} s, loss {loss:.4g}")
    for name, value in document["health"].items():
        table.add_row(name.replace("_", " "), f"{value:.4g}")
    if document["curve"]:
        table.add_row("learning curve", ", ".join(f"{step}: {score:.1f}" for step, score in document["curve"]))
    found = document["evaluation"]
    score = found["score"]
    table.add_row(f"score over {found['games']} games", f"{score['mean']:.2f} [{score['low']:.2f}, {score['high']:.2f}]")
    table.add_row("games won", f"{found['win_rate']:.1%}")
    return table


def print_round(document: RunDocument, index: int, as_json: bool) -> None:
    """Print one round of a run."""
    if as_json:
        click.echo(json.dumps(document["rounds"][index]))
        return
    click.echo(f"round {index + 1}, {document['rounds'][index]['mode']}: {document['rounds'][index]['why']}")
    print_rich(rounds_table({**document, "start": None, "rounds": [document["rounds"][index]]}))


def print_candidate(found: CandidateOfRound, as_json: bool, folder: Path) -> None:
    """Print one candidate of the run in `folder`: verdict, evidence, and its diff or reward."""
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['id']} ({found['kind']} by {found['role']}, round {found['round'] + 1}): {found['rationale']}")
    said = f"{found['verdict']} at {found['layer']}: {found['reason']}" if found["layer"] else found["verdict"]
    click.secho(said, bold=True)
    for line in [*effect_lines(found), *way_back(folder, found)]:
        click.echo(line)
    if found["effect"]:
        e_value, level = found["e_value"], found["alpha"]
        if e_value is not None and level is not None:
            click.echo(f"e-value {e_value:.4g}, needed {1 / level:.4g} (level {level:.3g} of the run's budget)")
        if seeds := found["seeds"]:
            click.echo(f"seeds {seeds['first']}..{seeds['first'] + seeds['count'] - 1} of the {seeds['stream']} stream")
        if t := found["t_test"]:
            click.echo(f"for comparison, a paired t-test of the first {t['games']} pairs: t {t['t']:.2f}, p {t['p']:.3g}")
    if found["diff"]:
        click.echo(found["diff"])
    if found["reward"]:
        click.echo(json.dumps(found["reward"], indent=2))

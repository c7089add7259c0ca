"""Prints runs and rounds on stdout, as text or JSON."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from ouroloop.inspect.document import candidates
from ouroloop.inspect.history import rollbacks_after, rolled_back_by_hand
from ouroloop.inspect.run import Report
from ouroloop.inspect.shown.asked import asked_lines, finding_lines, troubled_lines
from ouroloop.inspect.shown.credit import NAMING, credit_lines, naming_line, round_credit
from ouroloop.inspect.shown.eyes import eyes_line
from ouroloop.inspect.shown.history_table import history_table
from ouroloop.inspect.shown.proposers import proposers_table
from ouroloop.inspect.shown.rounds import rounds_table
from ouroloop.inspect.shown.summary import budget_line, score_line, selection_line, won_line
from ouroloop.protocols.text import shell_word
from ouroloop.streams import say_json
from ouroloop.terminal import say, say_lines, show, width

if TYPE_CHECKING:
    from ouroloop.inspect.document import RunDocument
    from ouroloop.inspect.training import Training


def print_run(folder: Path, as_json: bool) -> None:
    """Print a run: its JSON document, or its tables, its directory and the command to type next."""
    with closing(Report(folder)) as report:
        document, resumed = report.document(), report.resumed()
    if as_json:
        say_json(document)
        return
    show(rounds_table(document, width()))
    for line in troubled_lines(document):
        say(line)
    show(history_table(document, width()))
    if (proposers := proposers_table(document)) is not None:
        show(proposers)
    for line in credit_lines(document):
        say(f"who gets the credit: {line}")
    for line_of in (naming_line, selection_line, score_line, won_line, eyes_line):
        if (said := line_of(document)) is not None:
            say(said)
    for id in document["waiting"]:
        say(f"{id} won its race and waits for your answer")
    for offer in document["offered"]:
        say(f"proposed by hand for the next round: a {offer['kind']}, {offer['rationale']}")
    say(budget_line(document))
    used = document["totals"]
    cost = f" ({used['cost_usd']:.4g} USD)" if used["cost_usd"] else ""
    took = f"{used['wall_s']:.0f} s at work"
    say(f"{used['games']} games, {used['tokens']} tokens{cost}, {took}; digest {document['digest'][:16]}")
    say("(at work: from opening the run to its last step, without the checks before it is opened)")
    say(f"run directory: {folder}")
    say_lines(f"next: {_next(folder, document, resumed)}")


def _next(folder: Path, document: RunDocument, resumed: str) -> str:
    """Return the command to type next: go on, or if the run is done, look at its last accepted candidate, or else its last."""
    if document["waiting"]:
        return f"ouroloop approve {shell_word(folder)}"
    if document["status"] in ("stopped", "failed"):
        return resumed
    proposed = candidates(document)
    accepted = [c["id"] for c in proposed if c["verdict"] == "accepted"]
    worth = (accepted or [c["id"] for c in proposed])[-1:]
    return f"ouroloop show {shell_word(folder)} --candidate {worth[0]}" if worth else resumed


def training_table(document: Training) -> Table:
    """Return the results of a training as a table."""
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
    won = f"[{found['win_rate_low']:.1%}, {found['win_rate_high']:.1%}]"
    table.add_row("games won", f"{found['win_rate']:.1%} {won}")
    return table


def print_round(document: RunDocument, number: int, as_json: bool) -> None:
    """Print one round of a run."""
    entry = next(entry for entry in document["rounds"] if entry["index"] == number)
    if as_json:
        say_json(entry)
        return
    say(f"round {number}, {entry['mode']}: {entry['why']}")
    if entry["findings"]:
        say("what the critic found:")
    for line in finding_lines(entry["findings"]):
        say(f"  {line}")
    for line in asked_lines(entry, texts=True):
        say(line)
    show(rounds_table({**document, "start": None, "rounds": [entry]}, width()))
    if (credit := round_credit(entry)) is not None:
        say(f"who gets the credit: {credit}")
        say(NAMING)
    for back in rollbacks_after(document, number):
        say(f"after the round: {rolled_back_by_hand(back)}")

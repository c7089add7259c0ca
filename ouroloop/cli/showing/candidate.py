"""Prints one candidate on stdout with all that is recorded about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from ouroloop.inspect.candidate.health import explained
from ouroloop.inspect.shown.asked import finding_lines
from ouroloop.inspect.shown.decision import effect_lines, way_back
from ouroloop.inspect.shown.rounds import STYLES
from ouroloop.terminal import say, say_lines, show

if TYPE_CHECKING:
    from pathlib import Path

    from ouroloop.inspect.document import CandidateDetails, Stage, Talk

INDENT = "  "


def print_candidate(found: CandidateDetails, folder: Path) -> None:
    """Print a candidate of the run in `folder`: evidence, what it changes, what led to it, its training, and how to undo it."""
    say(f"{found['id']} ({found['kind']} by {found['role']}, round {found['round']}): {found['rationale']}")
    if found["answers"]:
        say(f"it grants the wish of the author of {found['answers']}")
    if found["wish"]:
        say(f"its author wants a reward beside it: {'; '.join([found['wish']['objective'], *found['wish']['constraints']])}")
    said = f"{found['verdict']} at {found['layer']}: {found['reason']}" if found["layer"] else found["verdict"]
    say(said, style=STYLES[found["verdict"]])
    _evidence(found)
    if found["diff"]:
        _heading("the patch")
        say_lines(found["diff"].rstrip("\n"))
    if found["reward"]:
        _heading("the reward")
        spec = found["reward"]
        say_lines(json.dumps(spec, indent=2) if "terms" in spec else str(spec["text"]))
    if found["findings"]:
        _heading("what the critic found before it was proposed")
    for line in finding_lines(found["findings"]):
        say(line)
    for stage in found["training"]:
        _training(stage)
    _lost_pairs(found)
    if found["lost_games"]:
        whose = (
            "lost" if found["whose_games"] == "candidate" else "did not play: the incumbent lost them, and its author saw them"
        )
        _heading(f"games that it {whose}")
    for i, game in enumerate(found["lost_games"], 1):
        say(f"game {i} of {len(found['lost_games'])}")
        say_lines(game.rstrip("\n"), indent=INDENT)
    for i, talk in enumerate(found["exchanges"], 1):
        _exchange(i, talk)
    if found["undo"]:
        say_lines(f"undo it: {found['undo']}")
    for line in way_back(folder, found):
        say_lines(line)


def _heading(text: str) -> None:
    say()
    say(text, style="bold")


def _evidence(found: CandidateDetails) -> None:
    """Print the figures that decided."""
    for line in effect_lines(found):
        say(line)
    e_value, level = found["e_value"], found["alpha"]
    if e_value is not None and level is not None:
        say(f"e-value {e_value:.4g}, needed {1 / level:.4g} (level {level:.3g} of the run's budget)")
    if seeds := found["seeds"]:
        say(f"games {seeds['first']}..{seeds['first'] + seeds['count'] - 1} of the {seeds['stream']} stream")
    if p := found["pairs"]:
        faults = f"; it lost {p['faults']} of its games by its own faults" if p["faults"] else ""
        say(f"pairs: {p['better']} better than the incumbent, {p['equal']} equal, {p['worse']} worse{faults}")
    if t := found["t_test"]:
        say(f"for comparison, a paired t-test of the first {t['games']} pairs: t {t['t']:.2f}, p {t['p']:.3g}")
    if (regret := found["regret"]) is not None:
        say(f"mean regret on the A* bank: {regret[0]:.4f}, the incumbent's {regret[1]:.4f}")


def _lost_pairs(found: CandidateDetails) -> None:
    """Print the games of its race that it lost by most, and the command that shows them."""
    if not found["lost_pairs"]:
        return
    _heading("games of its race that it lost by most (utility)")
    for pair in found["lost_pairs"]:
        say(f"game {pair['seed']}: {pair['candidate']:.3f}, the incumbent {pair['incumbent']:.3f}")
    if found["replay"] is None:
        say("`ouroloop watch` has no options for the boards of this run, so it cannot show these games")
    else:
        say_lines(f"see how (this runs the candidate in a sandbox): {found['replay']}")


def _training(stage: Stage) -> None:
    """Print a stage of a training: its figures with their meanings, its alarms, and why it ended early."""
    _heading(f"training, stage {stage['stage']}")
    if stage["error"] or stage["stopped"]:
        say(f"ended early: {stage['error'] or stage['stopped']}")
    for alarm in stage["alarms"]:
        say(f"alarm: {alarm}")
    if stage["health"]:
        table = Table("figure", "value", "meaning", pad_edge=False)
        for name, value, meaning in explained(stage["health"]):
            table.add_row(name, f"{value:.4g}", meaning)
        show(table)


def _exchange(number: int, talk: Talk) -> None:
    """Print an exchange with a chat model."""
    tokens = f"{talk['tokens_in']} tokens sent, {talk['tokens_out']} received"
    _heading(f"exchange {number} with the model ({tokens})")
    for message in talk["messages"]:
        say(f"{message['role']}:", style="dim")
        say_lines(message["content"], indent=INDENT)
    say("reply:" if talk["error"] is None else f"no reply: {talk['error']}", style="dim")
    if talk["reply"] is not None:
        say_lines(talk["reply"], indent=INDENT)

"""Commands by which a user takes part in a run's decisions: `approve`, `propose`, `rollback`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from ouroloop.cli.options import FOLDER, TRUST
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import shell_word


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("candidate", required=False)
@click.option("--no", is_flag=True, help="Decline it; the build that plays stays.")
@click.option("--instead", type=FOLDER, metavar="FILE", help="Decline it, and propose this edited patch for the next round.")
@click.option("--reason", default="by hand", help="Why; kept in the ledger.")
def approve(folder: Path, candidate: str | None, no: bool, instead: Path | None, reason: str) -> None:
    """Answer about a CANDIDATE that won its race and waits for you.

    A recipe with `approve = "patch"` or `"all"` has you asked before such a candidate plays. Without
    CANDIDATE, the one that waits is shown with its evidence and its changes; on a terminal you can answer at once.

    \b
    Examples:
      ouroloop approve runs/a
      ouroloop approve runs/a r2-patch1
      ouroloop approve runs/a r2-patch1 --no --reason "too long to review"
      ouroloop approve runs/a r2-patch1 --instead edited.py
    """
    from ouroloop.cli.showing.candidate import print_candidate
    from ouroloop.inspect.candidate.details import details
    from ouroloop.inspect.run import Report
    from ouroloop.ledger.steps.gate import unanswered
    from ouroloop.runs.by_hand.approve import answer
    from ouroloop.runs.by_hand.propose import offer
    from ouroloop.runs.lifecycle import recording
    from ouroloop.runs.recipe import read_text
    from ouroloop.terminal import say, say_lines

    if no and instead is not None:
        raise UsageError("--instead declines the candidate already: leave --no out")
    edited = None if instead is None else read_text(instead, "--instead")
    with closing(Report(folder)) as report:
        waiting = list(unanswered(report.ledger))
        if not waiting:
            raise UsageError(f"nothing waits for your answer in {folder}: `ouroloop show {shell_word(folder)}` shows the run")
        if candidate is None:
            if no or edited is not None:
                raise UsageError(f"say about which candidate: {', '.join(waiting)}")
            candidate = waiting[0]
            print_candidate(details(report, candidate), folder)
            word = f"ouroloop approve {shell_word(folder)} {candidate}"
            if not (sys.stdin.isatty() and sys.stdout.isatty()):
                say_lines(f"answer: `{word}`, or `{word} --no --reason WHY`, or `{word} --instead FILE`")
                return
            no = not click.confirm(f"Shall {candidate} play?", default=None)
    with recording(folder) as ledger:
        answer(ledger, candidate, approved=not no and edited is None, reason=reason)
        if edited is not None:
            offer(ledger, edited, None, f"{candidate}, edited: {reason}")
    if edited is not None:
        say(f"declined {candidate}; your patch is proposed for the next round, in which it has to win a race")
    else:
        say(f"{'declined' if no else 'approved'} {candidate}")
    say_lines(f"next: ouroloop resume {shell_word(folder)}")


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--again", metavar="CANDIDATE", help="A candidate of the run once more, such as one that was rolled back.")
@click.option("--patch", type=FOLDER, metavar="FILE", help="A diff against the controller that plays, or a whole controller.")
@click.option("--reward", type=FOLDER, metavar="FILE", help="A reward spec, as JSON.")
@click.option("--why", default="", help="The reason for it; kept in the ledger.")
def propose(folder: Path, again: str | None, patch: Path | None, reward: Path | None, why: str) -> None:
    """Propose a candidate yourself for the next round of the run in DIR.

    It goes through the same layers as what the roles propose, and plays only if it wins its race.

    \b
    Examples:
      ouroloop propose runs/a --patch mine.py --why "never enters a dead end"
      ouroloop propose runs/a --again r2-patch1 --why "a mistake"
    """
    from ouroloop.inspect.run import Report
    from ouroloop.ledger.store import Store
    from ouroloop.runs.by_hand import propose as by_hand
    from ouroloop.runs.lifecycle import recording
    from ouroloop.runs.recipe import read_text
    from ouroloop.terminal import say, say_lines

    if again is not None and (patch is not None or reward is not None):
        raise UsageError("--again proposes what is on record: leave --patch and --reward out")
    code = None if patch is None else read_text(patch, "--patch")
    spec = None if reward is None else read_text(reward, "--reward")
    with recording(folder) as ledger:
        if again is not None:
            code, spec = by_hand.again(ledger, Store(folder / "artifacts"), again)
            why = f"{again} again{f': {why}' if why else ''}"
        by_hand.offer(ledger, code, spec, why or "proposed by hand")
    with closing(Report(folder)) as report:
        say("proposed for the next round, in which it has to win a race")
        say_lines(f"next: {report.resumed()}")


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("candidate")
@click.option("--reason", default="by hand", help="Why; kept in the ledger.")
@TRUST
def rollback(folder: Path, candidate: str, reason: str, trust: bool) -> None:
    """Undo an accepted CANDIDATE of a run; later changes stay if they still apply.

    \b
    Examples:
      ouroloop rollback runs/quickstart-001 r1-reward1 --reason "loses on walls"
    """
    from ouroloop.inspect.run import Report
    from ouroloop.inspect.shown.decision import way_back
    from ouroloop.ledger.steps.apply import manual_rollback, manual_score, rollbacks
    from ouroloop.runs.beginning.eyes import open_eyes
    from ouroloop.runs.lifecycle import opened
    from ouroloop.runs.phases.rollback import refuse_unsettled, roll_back
    from ouroloop.runs.phases.start import scored
    from ouroloop.runs.phases.watch import losses
    from ouroloop.runs.progress import Quiet
    from ouroloop.runs.seeds import score_again
    from ouroloop.terminal import say, say_lines

    with opened(folder, Quiet(), trust=trust) as open_run:
        open_run.progress = Quiet(notes=False)  # the lines below say it
        refuse_unsettled(open_run)
        open_eyes(open_run)
        count = len(rollbacks(open_run.ledger))
        result = roll_back(open_run, manual_rollback(count), candidate, reason, losses(open_run, candidate))
        games = score_again(open_run.recipe.gate, count)
        score = open_run.step(manual_score(count), games, lambda: scored(open_run, games)).measures.score
    for id, why in result.chain.items():
        say(f"also rolled back {id}: {why}")
    if result.retained:
        say(f"kept: {', '.join(result.retained)}")
    say(f"rolled back {candidate}; the workspace is at {result.commit[:12]}")
    say(f"score now: {score.mean:.1f} [{score.low:.1f}, {score.high:.1f}] over {games.count} fresh games")
    with closing(Report(folder)) as report:
        for line in way_back(folder, report.candidate(candidate)):
            say_lines(line)

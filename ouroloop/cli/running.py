"""Commands that start runs, continue them and undo their changes: `run`, `resume`, `rollback`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from ouroloop.cli.options import FOLDER, TRUST
from ouroloop.protocols.text import shell_word


@click.command()
@click.argument("recipe", type=FOLDER)
@click.option("--run-dir", type=FOLDER, help="The run's directory; runs/<name>-NNN by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe, e.g. task.size=8.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
def run(recipe: Path, run_dir: Path | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Start a run of RECIPE.

    docs/recipe.md explains every key of a recipe. Ctrl-C or SIGTERM stops the run, and
    `ouroloop resume` continues it.

    \b
    Examples:
      ouroloop run recipes/quickstart.toml
      ouroloop run recipes/quickstart.toml --run-dir runs/a --set budget.rounds=8
    """
    from ouroloop.cli.showing.printing import print_run
    from ouroloop.runs.lifecycle import create, create_next
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import load_recipe

    settings = load_recipe(recipe, overrides)
    with progress() as shown:
        folder = run_dir or create_next(settings, shown)
        if run_dir:
            create(settings, folder, shown)
        status = _work(folder, shown, ())
    print_run(folder, as_json)
    return int(status == "failed")


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--set", "overrides", multiple=True, metavar="budget.KEY=VALUE", help="Give the run more, e.g. budget.rounds=8.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
@TRUST
def resume(folder: Path, overrides: tuple[str, ...], as_json: bool, trust: bool) -> int:
    """Continue a run that was stopped or killed; nothing is done twice.

    \b
    Examples:
      ouroloop resume runs/quickstart-001
      ouroloop resume runs/quickstart-001 --set budget.rounds=8
    """
    from ouroloop.cli.showing.printing import print_run
    from ouroloop.runs.progress import progress

    with progress() as shown:
        status = _work(folder, shown, overrides, trust=trust)
    print_run(folder, as_json)
    return int(status == "failed")


def _work(folder: Path, shown: Any, overrides: tuple[str, ...], *, trust: bool = False) -> str:
    from ouroloop.runs.lifecycle import work

    try:
        return work(folder, shown, overrides, trust=trust)
    except KeyboardInterrupt:
        shown.note(f"stopped; go on with `ouroloop resume {shell_word(folder)}`")
        raise


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

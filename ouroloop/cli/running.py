"""Commands that start runs, continue them and undo their changes: `run`, `resume`, `rollback`, `ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ouroloop.cli.options import FOLDER
from ouroloop.protocols.text import shell_word
from ouroloop.streams import say_json


@click.command()
@click.argument("recipe", type=FOLDER)
@click.option("--run-dir", type=FOLDER, help="The run's directory; runs/<name>-NNN by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe, e.g. task.size=8.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
def run(recipe: Path, run_dir: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Start a run of RECIPE.

    docs/recipe.md explains every key of a recipe. Ctrl-C or SIGTERM stops the run, and
    `ouroloop resume` continues it.

    \b
    Examples:
      ouroloop run recipes/quickstart.toml
      ouroloop run recipes/quickstart.toml --run-dir runs/mine --set task.size=8
    """
    from ouroloop.cli.printing import print_run
    from ouroloop.runs.lifecycle import create, create_next
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import load_recipe

    settings = load_recipe(recipe, overrides)
    with progress() as shown:
        if run_dir is None:
            folder = create_next(settings, shown)
        else:
            folder = run_dir
            create(settings, folder, shown)
        _work(folder, shown, ())
    print_run(folder, as_json)


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--set", "overrides", multiple=True, metavar="budget.KEY=VALUE", help="Give the run more, e.g. budget.rounds=8.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON document.")
def resume(folder: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Continue a run that was stopped or killed; nothing is done twice.

    \b
    Examples:
      ouroloop resume runs/quickstart-001
      ouroloop resume runs/quickstart-001 --set budget.rounds=8
    """
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
        shown.note(f"stopped; go on with `ouroloop resume {shell_word(folder)}`")
        raise


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("candidate")
@click.option("--reason", default="by hand", help="Why; kept in the ledger.")
def rollback(folder: Path, candidate: str, reason: str) -> None:
    """Undo an accepted CANDIDATE of a run; later changes stay if they still apply.

    \b
    Examples:
      ouroloop rollback runs/quickstart-001 r1-patch2 --reason "loses on walls"
    """
    from ouroloop.ledger.steps.apply import manual_rollback, rollbacks
    from ouroloop.runs.lifecycle import opened
    from ouroloop.runs.phases.rollback import refuse_unsettled, roll_back
    from ouroloop.runs.phases.start import open_eyes
    from ouroloop.runs.phases.watch import losses
    from ouroloop.runs.progress import Quiet
    from ouroloop.terminal import say

    with opened(folder, Quiet(notes=False)) as open_run:
        refuse_unsettled(open_run)
        if open_run.recipe.perception == "vision":
            open_eyes(open_run)
        key = manual_rollback(len(rollbacks(open_run.ledger)))
        result = roll_back(open_run, key, candidate, reason, losses(open_run, candidate))
    for id, why in result.chain.items():
        say(f"also rolled back {id}: {why}")
    if result.retained:
        say(f"kept: {', '.join(result.retained)}")
    say(f"rolled back {candidate}; the workspace is at {result.commit[:12]}")


@click.command()
@click.argument("recipe", type=FOLDER)
@click.option(
    "--vary", required=True, metavar="KEY=A,B,...", help="The key to vary and its values, e.g. perception=json,vision."
)
@click.option(
    "--seeds", default=3, show_default=True, type=click.IntRange(1, 1000), help="Seeds per value; pairs share a seed."
)
@click.option("--out", type=FOLDER, help="The ablation's directory; ablations/<name>-NNN by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ablate(recipe: Path, vary: str, seeds: int, out: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Run RECIPE once per value and seed, and compare the values in pairs, as a table, a plot and JSON."""
    from ouroloop.inspect.ablation import ablate as compare
    from ouroloop.inspect.ablation import ablation_table
    from ouroloop.runs.lifecycle import next_folder
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import load_recipe
    from ouroloop.terminal import say, say_lines, show

    name = load_recipe(recipe, overrides).name
    folder = out or next_folder(name, Path("ablations"))
    with progress() as shown:
        document = compare(recipe, overrides, vary, seeds, folder, shown)
    if as_json:
        say_json(document)
        return
    show(ablation_table(document))
    say(f"plot: {folder / 'ablation.png'}; runs below {folder}")
    say_lines(f"next: ouroloop show {shell_word(folder / document['runs'][0]['run'])}")

"""Commands that start runs and continue them: `run`, `resume`."""

from __future__ import annotations

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
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Give the run more, e.g. budget.rounds=8.",
)
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

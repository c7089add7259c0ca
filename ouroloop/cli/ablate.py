"""The command `ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from ouroloop.cli.options import FOLDER
from ouroloop.inspect.ablation.document import Measure
from ouroloop.protocols.text import shell_word
from ouroloop.streams import say_json


@click.command()
@click.argument("recipe", type=FOLDER)
@click.option(
    "--vary",
    required=True,
    multiple=True,
    metavar="KEY=A,B,...",
    help="The key to vary and its values, the baseline first, e.g. perception=json,vision. Given twice: all combinations.",
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 1000), help="Seeds per arm; pairs share a seed.")
@click.option("--seed", type=int, help="The first seed; the recipe's by default, or a drawn one.")
@click.option(
    "--measure",
    default="utility",
    show_default=True,
    type=click.Choice(get_args(Measure)),
    help="What the intervals are of; choose before you look.",
)
@click.option("--out", type=FOLDER, help="The ablation's directory; ablations/<name>-NNN by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ablate(
    recipe: Path,
    vary: tuple[str, ...],
    seeds: int,
    seed: int | None,
    measure: Measure,
    out: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run RECIPE once per arm and seed, and compare the arms in pairs, as a table, a plot and JSON.

    A stopped ablation goes on with the same command and its --out.
    """
    from ouroloop.inspect.ablation.running import ablate as run_all
    from ouroloop.inspect.ablation.table import sentences, tables
    from ouroloop.runs.progress import progress
    from ouroloop.terminal import say, say_lines, show

    with progress() as shown:
        document, folder = run_all(
            recipe,
            vary,
            shown,
            overrides=overrides,
            seeds=seeds,
            first_seed=seed,
            measure=measure,
            folder=out,
        )
    if as_json:
        say_json(document)
        return
    for table in tables(document):
        show(table)
    for line in sentences(document):
        say(line)
    say(f"plot: {folder / 'ablation.png'}; runs below {folder}")
    say_lines(f"next: ouroloop show {shell_word(folder / document['runs'][0]['run'])}")

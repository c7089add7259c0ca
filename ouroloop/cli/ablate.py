"""The command `ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from ouroloop.cli.options import FOLDER, file_at
from ouroloop.inspect.ablation.document import Ablation, Measure
from ouroloop.protocols.text import shell_word
from ouroloop.streams import say_json


@click.command()
@click.argument("recipes", metavar="RECIPE...", type=FOLDER, nargs=-1, required=True)
@click.option(
    "--vary",
    multiple=True,
    metavar="KEY=A,B,...",
    help="A key to vary and its values, the baseline's first, e.g. perception=json,vision. Given again: all combinations. "
    "By default what the recipe's table [ablation] says.",
)
@click.option("--one-at-a-time", is_flag=True, help="No combinations: the first values, and each other value of a key alone.")
@click.option("--seeds", type=click.IntRange(1, 1000), help="Seeds per arm; pairs share a seed. The recipe's, or 5.")
@click.option("--seed", type=int, help="The first seed; the recipe's by default, or a drawn one.")
@click.option(
    "--measure",
    type=click.Choice(get_args(Measure)),
    help="What the intervals are of; choose before you look. The recipe's, or utility.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Runs at a time; by default 2, or 1 on one processor.")
@click.option(
    "--probe",
    "probe_games",
    default=8,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Games that each last incumbent plays with instruments, which tell errors, times and memory; 0 for none.",
)
@click.option("--out", type=FOLDER, help="The ablation's directory; ablations/<name>-NNN by default.")
@click.option("--csv", "csv_file", type=FOLDER, help="Write a row per run to this file, too.")
@click.option("--arrow", "arrow_file", type=FOLDER, help="The same as Arrow IPC, which pandas.read_feather reads.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def ablate(
    recipes: tuple[Path, ...],
    vary: tuple[str, ...],
    one_at_a_time: bool,
    seeds: int | None,
    seed: int | None,
    measure: Measure | None,
    jobs: int | None,
    probe_games: int,
    out: Path | None,
    csv_file: Path | None,
    arrow_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run RECIPE once per arm and seed, and compare the arms in pairs, as tables, a plot, JSON, CSV and Arrow.

    With several recipes, each is an arm, the first one the baseline. A stopped ablation goes on with the same command and
    its --out.

    \b
    Examples:
      ouroloop ablate recipes/vision-vs-json.toml --vary perception=json,vision
      ouroloop ablate recipes/axes-small.toml --out ablations/axes-small
      ouroloop ablate recipes/axes.toml --one-at-a-time --jobs 2 --csv axes.csv
      ouroloop ablate recipes/schemes/*.toml --seeds 10
    """
    from ouroloop.inspect.ablation.export import runs_table, write_arrow, write_csv
    from ouroloop.inspect.ablation.running import ablate as run_all
    from ouroloop.inspect.contender import cores
    from ouroloop.runs.progress import progress

    for option, file in (("--csv", csv_file), ("--arrow", arrow_file)):
        if file is not None:
            file_at(file, option)
    with progress() as shown:
        document, folder = run_all(
            recipes,
            vary,
            shown,
            plan="one-at-a-time" if one_at_a_time else None,
            overrides=overrides,
            seeds=seeds,
            first_seed=seed,
            measure=measure,
            folder=out,
            jobs=jobs or min(2, cores()),
            probe_games=probe_games,
        )
    if csv_file is not None:
        write_csv(runs_table(document), csv_file)
    if arrow_file is not None:
        write_arrow(runs_table(document), arrow_file)
    say_json(document) if as_json else _tell(document, folder)


def _tell(document: Ablation, folder: Path) -> None:
    """Print an ablation's tables, what they show, and where everything lies."""
    from ouroloop.inspect.ablation.table import sentences, tables
    from ouroloop.terminal import say, say_lines, show

    for table in tables(document):
        show(table)
    for line in sentences(document):
        say(line)
    say(f"plot: {folder / 'ablation.png'}; a row per run: {folder / 'runs.csv'}, {folder / 'runs.arrow'}; runs below {folder}")
    say_lines(f"next: ouroloop show {shell_word(folder / document['runs'][0]['run'])}")

"""The command `train data`: it writes positions of Snake's teachers, which policies learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ouroloop.cli.options import FOLDER, SEED, place
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import shell_word
from ouroloop.streams import say_json

if TYPE_CHECKING:
    from rich.table import Table

    from ouroloop.envs.snake.teacher_data import Statistics


@click.command()
@click.option("--teacher", default="best", show_default=True, help="astar, greedy, cycle, early, best or random.")
@click.option("--games", default=1000, show_default=True, type=int, help="Games to play.")
@click.option("--out", type=FOLDER, required=True, help="The Arrow file; FILE.json beside it holds the statistics.")
@click.option("--size", default=10, show_default=True, type=int, help="Side of the board, 4 to 128.")
@click.option("--walls", default=0.0, show_default=True, type=float, help="Share of cells that become walls, 0 to 0.25.")
@click.option("--map", "wall_map", type=FOLDER, help="A file of `#` (wall) and `.`: walls for every game.")
@click.option("--food", default="uniform", show_default=True, help="uniform or clustered.")
@click.option("--per-length", default=8, show_default=True, type=int, help="Positions kept per game and length of the snake.")
@click.option("--noise", default=0.0, show_default=True, type=float, help="Share of played moves that are other safe moves.")
@click.option("--least-steps", default=10, show_default=True, type=int, help="Shorter games are dropped.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of the games.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Threads, one per processor by default; the file is the same.")
@click.option("--json", "as_json", is_flag=True, help="Print the statistics as JSON.")
def data(
    teacher: str,
    games: int,
    out: Path,
    size: int,
    walls: float,
    wall_map: Path | None,
    food: str,
    per_length: int,
    noise: float,
    least_steps: int,
    seed: int,
    workers: int | None,
    as_json: bool,
) -> None:
    """Write positions of a teacher's games to an Arrow file, for snakes of all lengths, with all equally good moves marked.

    \b
    Examples:
      ouroloop train data --teacher best --games 2000 --out positions.arrow
    """
    from ouroloop.envs.snake.task import SnakeTask
    from ouroloop.envs.snake.teacher_data import DataConfig, write_positions
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import read_text
    from ouroloop.terminal import say, say_lines, show

    if place(out, "--out").is_dir():
        raise UsageError(f"--out {out} is a directory: give the name of a file")
    text = None if wall_map is None else read_text(wall_map, "map")
    task = SnakeTask(size, walls, wall_map=text, food=food)
    config = DataConfig(teacher, games, seed, per_length, noise, least_steps)
    with progress() as shown:
        found = write_positions(
            task,
            config,
            out,
            workers=workers,
            report=lambda done, all_: shown.advance("games", done / all_, f"{done} of {all_}"),
        )
    if as_json:
        say_json(found)
        return
    show(statistics_table(found))
    say(f"positions: {out}")
    look = f"import pandas; print(pandas.read_feather({str(out)!r}))"
    say_lines(f"next: python -c {shell_word(look)}")


def statistics_table(found: Statistics) -> Table:
    """Return a data set's statistics as a table."""
    from rich.table import Table

    table = Table("statistic", "value", pad_edge=False)
    games = found["games"]
    table.add_row("positions", f"{found['positions']} in {found['seconds']:.1f} s ({found['positions_per_s']} a second)")
    table.add_row("games", f"{games['played']} played, {games['too_short']} dropped as too short, {games['starved']} starved")
    table.add_row("mean length of a game", f"{found['steps_mean']:g} steps")
    table.add_row("mean score", f"{found['score_mean']:g}, {found['win_rate']:.1%} of boards filled")
    table.add_row("actions", ", ".join(f"{name} {share:.1%}" for name, share in found["actions"].items()))
    table.add_row("moves without a path to the food", f"{found['no_path_share']:.1%}")
    return table

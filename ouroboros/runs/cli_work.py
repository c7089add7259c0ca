"""Commands beside runs: `bench` and `train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("name", type=click.Choice(["engine", "gate", "plan", "sandbox", "teachers"]))
@click.option("--peers", type=FOLDER, default=Path(".peers"), show_default=True, help="Folder of the peers' environments.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100), help="Interleaved rounds.")
@click.option("--seconds", default=0.5, show_default=True, type=click.FloatRange(0.01, 60), help="Of each case in each round.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of what is simulated (gate).")
@click.option("--out", type=FOLDER, help="Also write NAME.json, NAME.txt and, where there are curves, NAME.png to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench(name: str, peers: Path, rounds: int, seconds: float, seed: int, out: Path | None, as_json: bool) -> None:
    """Measure NAME: engine, gate, planner, sandboxes or teachers, peers beside ours where they are installed."""
    from importlib import import_module

    from ouroboros.runs.bench.show import plot, tables
    from ouroboros.runs.printing import print_rich, text_of
    from ouroboros.runs.progress import progress

    with progress() as shown:
        more = {"seed": seed} if name == "gate" else {}
        document: dict[str, Any] = import_module(f"ouroboros.runs.bench.{name}").measure(
            peers, rounds, seconds, lambda what, fraction: shown.advance(f"bench {name}", fraction, what), **more
        )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
        (out / f"{name}.txt").write_text(text_of(tables(name, document)))
        plot(name, document, out / f"{name}.png")
    if as_json:
        click.echo(json.dumps(document))
        return
    print_rich(tables(name, document))
    if name in ("engine", "plan") and not peers.is_dir():
        click.echo(f"no peers at {peers}: benchmarks/peers/README.md says how to install them", err=True)


@click.group()
def train() -> None:
    """Make what a policy learns from."""


@train.command()
@click.option("--teacher", default="best", show_default=True, help="astar, greedy, cycle, best or random.")
@click.option("--games", default=1000, show_default=True, type=int, help="Games to play.")
@click.option("--out", type=FOLDER, required=True, help="The Arrow file; FILE.json beside it holds the statistics.")
@click.option("--size", default=10, show_default=True, type=int, help="Side of the board, 4 to 128.")
@click.option("--walls", default=0.0, show_default=True, type=float, help="Share of cells that become walls, 0 to 0.25.")
@click.option("--map", "wall_map", type=FOLDER, help="A file of `#` and `.`: walls that every game has.")
@click.option("--food", default="uniform", show_default=True, help="uniform or clustered.")
@click.option("--per-length", default=8, show_default=True, type=int, help="Positions kept per game and length of the snake.")
@click.option("--noise", default=0.0, show_default=True, type=float, help="Share of other safe moves among those played.")
@click.option("--least-steps", default=10, show_default=True, type=int, help="Shorter games are dropped.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--workers", type=click.IntRange(1, 1024), help="Threads; all processors by default. The file is the same.")
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
    """Write positions of a teacher's games to an Arrow file, short and long snakes alike, all equally good moves marked."""
    from ouroboros.envs.task import SnakeTask
    from ouroboros.policy.teacher_data import DataConfig, write_positions
    from ouroboros.runs.printing import print_rich, statistics_table
    from ouroboros.runs.progress import progress
    from ouroboros.runs.recipe import read_text

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
        click.echo(json.dumps(found))
        return
    print_rich(statistics_table(found))
    click.echo(f"positions: {out}\nnext: python -c \"import datasets; print(datasets.Dataset.from_file('{out}')[0])\"")

"""The command `bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("name", type=click.Choice(["encodings", "engine", "gate", "plan", "sandbox", "teachers"]))
@click.option("--peers", type=FOLDER, default=Path(".peers"), show_default=True, help="Folder of the peers' environments.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100), help="Interleaved rounds.")
@click.option("--seconds", default=0.5, show_default=True, type=click.FloatRange(0.01, 60), help="Of each case in each round.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of what is simulated (gate).")
@click.option("--out", type=FOLDER, help="Also write NAME.json, NAME.txt and, where there are curves, NAME.png to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench(name: str, peers: Path, rounds: int, seconds: float, seed: int, out: Path | None, as_json: bool) -> None:
    """Measure NAME, from engine and planner to encodings and policy, peers beside ours where they are installed."""
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

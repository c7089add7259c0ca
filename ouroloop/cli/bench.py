"""The command `bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ouroloop.cli.options import FOLDER
from ouroloop.protocols.errors import UsageError

SUITES = {
    "encodings": "snake.encodings",
    "engine": "snake.engine",
    "gate": "gate.suite",
    "plan": "snake.plan",
    "policy": "policy.suite",
    "sandbox": "sandbox.suite",
    "teachers": "snake.teachers",
}
"""Each benchmark's module in `ouroloop.bench`; only the one that is asked for is imported."""


@click.command()
@click.argument("name", type=click.Choice(list(SUITES)))
@click.option("--peers", type=FOLDER, default=Path(".peers"), show_default=True, help="Folder of the peers' environments.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100), help="Interleaved rounds.")
@click.option("--seconds", default=0.5, show_default=True, type=click.FloatRange(0.01, 60), help="Of each case in each round.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Of what is simulated (gate) or played (policy)."
)
@click.option("--only", multiple=True, metavar="SECTION", help="Of policy: measure this section alone; may be given again.")
@click.option("--out", type=FOLDER, help="Also write NAME.json, NAME.txt and, where there are curves, NAME.png to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench(
    name: str,
    peers: Path,
    rounds: int,
    seconds: float,
    seed: int,
    only: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure NAME, from engine and planner to encodings and policy, peers beside ours where they are installed.

    `policy` takes half an hour; its sections are written to --out one by one, and with --only the others there stay.
    """
    from importlib import import_module

    from ouroloop.bench.tables import tables
    from ouroloop.cli.printing import print_rich
    from ouroloop.runs.progress import progress

    check_sections(name, only)

    def keep(document: dict[str, Any]) -> None:
        if out is not None:
            write(name, joined(out / f"{name}.json", document) if only else document, out)

    more: dict[str, dict[str, Any]] = {"gate": {"seed": seed}, "policy": {"seed": seed, "only": only, "done": keep}}
    with progress() as shown:
        document: dict[str, Any] = import_module(f"ouroloop.bench.{SUITES[name]}").measure(
            peers,
            rounds,
            seconds,
            lambda what, fraction: shown.advance(f"bench {name}", fraction, what),
            **more.get(name, {}),
        )
    if name != "policy":  # which has been written section by section
        keep(document)
    if as_json:
        click.echo(json.dumps(document))
        return
    print_rich(tables(name, document))
    if name in ("engine", "plan") and not peers.is_dir():
        click.echo(f"no peers at {peers}: benchmarks/peers/README.md says how to install them", err=True)


def check_sections(name: str, only: tuple[str, ...]) -> None:
    """Refuse `--only` with another benchmark, and sections that there are not; raises UsageError."""
    if not only:
        return
    from ouroloop.bench.policy.suite import SECTIONS

    if name != "policy":
        raise UsageError(f"--only names sections of `bench policy`, found it with `bench {name}`, which has none: leave it out")
    for section in only:
        if section not in SECTIONS:
            raise UsageError(f"`bench policy` has no section {section!r}; its sections are {', '.join(SECTIONS)}")


def joined(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of some sections with the other sections of the file where it goes.

    Raises:
        UsageError: the file is damaged.
    """
    if not path.is_file():
        return document
    try:
        kept = json.loads(path.read_text())
        return {**kept, **document, "seconds": {**kept["seconds"], **document["seconds"]}}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no document of `bench policy`: remove it, or choose another --out") from error


def write(name: str, document: dict[str, Any], out: Path) -> None:
    """Write a document, its tables and its picture to a folder."""
    from ouroloop.bench.growth import plot
    from ouroloop.bench.tables import tables
    from ouroloop.cli.printing import text_of

    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / f"{name}.txt").write_text(text_of(tables(name, document)))
    plot(name, document, out / f"{name}.png")

"""The command `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import click

from ouroloop.bench.catalogue import (
    BENCHES,
    DEFAULTS,
    Measured,
    Options,
    check_sections,
    measure,
    takes,
)
from ouroloop.cli.options import FOLDER, SEED, folder_at
from ouroloop.cli.snake_xl import snake_xl
from ouroloop.protocols.errors import UsageError


class Bench(click.Command):
    """`bench NAME`, which leaves the benchmarks whose arguments are unlike those of the others to commands of their own."""

    own: ClassVar[dict[str, click.Command]] = {"snake-xl": snake_xl}

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        """Return the context of this command, or of the one that the first argument names."""
        if args and args[0] in self.own:
            return self.own[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command(
    cls=Bench,
    epilog=f"NAME is one of {', '.join(BENCHES)}. `ouroloop bench snake-xl --help` tells of the one that any player can play.",
)
@click.argument("name", type=click.Choice(list(BENCHES)), metavar="NAME")
@click.option("--peers", type=FOLDER, default=Path(".peers"), show_default=True, help="Folder of the peers' environments.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Interleaved rounds, 3 by default; see below.")
@click.option("--seconds", type=click.FloatRange(0.01, 60), help="Time per case and round, 0.5 by default; see below.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of the simulations (gate) or games (policy).")
@click.option("--only", multiple=True, metavar="SECTION", help="Measure only this section, where NAME has some; repeatable.")
@click.option("--out", type=FOLDER, help="Also write NAME.json, NAME.txt and, if there are curves, NAME.png to this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench(
    name: str,
    peers: Path,
    rounds: int | None,
    seconds: float | None,
    seed: int,
    only: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure NAME, from engine and planner to encodings and policy, and installed peers for comparison.

    It says how long it will take, `agents`, `gate`, `perception` and `policy` half an hour and more. `encodings`, `engine`,
    `plan` and `sandbox` measure in rounds (--rounds, --seconds); the others do a fixed amount of work and refuse these
    options. `agents`, `gate`, `perception` and `policy` write their sections to --out one by one; --only keeps the other
    sections there.

    \b
    Examples:
      ouroloop bench engine --rounds 1 --seconds 0.1
      ouroloop bench policy --only shipped --out benchmarks
    """
    from ouroloop.runs.progress import progress
    from ouroloop.terminal import say, say_lines, show

    def keep(found: Measured) -> None:
        if out is not None:
            write(found.beside(out / f"{name}.json") if only else found, out)

    if not BENCHES[name].timed and (rounds is not None or seconds is not None):
        raise UsageError(f"`bench {name}` does a fixed amount of work: leave out --rounds and --seconds")
    if seconds is not None and seconds != seconds:
        raise UsageError("--seconds nan is no time: give 0.01 to 60")
    asked = Options(peers, rounds or DEFAULTS.rounds, seconds or DEFAULTS.seconds, seed, only)
    check_sections(name, only)
    if out is not None:
        folder_at(out, "--out")
    with progress() as shown:
        shown.note(f"bench {name}: about {takes(name, asked)} on two free cores")
        found = measure(name, asked, lambda what, fraction: shown.advance(f"bench {name}", fraction, what), keep)
    if as_json:
        say_lines(found.json())
        return
    show(found.tables())
    if BENCHES[name].peers and not peers.is_dir():
        say(f"no peers in {peers}: benchmarks/peers/README.md says how to install them", err=True)


def write(found: Measured, out: Path) -> None:
    """Write a benchmark's figures, tables and picture to a folder."""
    from ouroloop.terminal import text_of

    out.mkdir(parents=True, exist_ok=True)
    (out / f"{found.name}.json").write_text(found.json(indent=1) + "\n")
    (out / f"{found.name}.txt").write_text(text_of(found.tables()))
    found.plot(out / f"{found.name}.png")

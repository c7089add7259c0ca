"""The command `bench snake-xl`: play it, verify result files, make a leaderboard of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ouroloop.cli.options import FOLDER, folder_at
from ouroloop.cli.play import Sandbox
from ouroloop.protocols.errors import UsageError
from ouroloop.streams import say_json

if TYPE_CHECKING:
    from ouroloop.bench.snake.xl.definition import Board
    from ouroloop.bench.snake.xl.results import Result
    from ouroloop.bench.snake.xl.seats import Choice
    from ouroloop.runs.progress import Progress


@dataclass(frozen=True, slots=True)
class Part:
    """Which boards are played, and how many games of each."""

    boards: Sequence[Board]
    games: int


@click.command(name="snake-xl", short_help="Fixed games for any player.")
@click.argument("players", nargs=-1, metavar="PLAYER...|FILE...")
@click.option("--out", type=FOLDER, help="Folder of the result files, or of the leaderboard.")
@click.option("--name", help="What the leaderboard calls the player; give it with a single PLAYER.")
@click.option("--controller", type=FOLDER, help="A controller for a policy or teacher, run in a sandbox.")
@click.option("--sandbox", type=click.Choice(["auto", "docker", "wasm"]), default="auto", show_default=True)
@click.option("--timeout", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True, help="Seconds for an answer.")
@click.option("--base-url", metavar="URL", help="The endpoint of a chat model; the provider's own by default.")
@click.option("--sizes", metavar="N,N", help="Play only boards of these sides.")
@click.option("--walls", metavar="X,X", help="Play only boards with these shares of walls.")
@click.option("--seeds", type=click.IntRange(1, 50), default=50, show_default=True, help="Play the first games of each board.")
@click.option("--verify", is_flag=True, help="Play the games of result files again, and check every figure.")
@click.option("--leaderboard", type=FOLDER, metavar="DIR", help="Verify the result files in DIR; write the page to --out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def snake_xl(
    players: tuple[str, ...],
    out: Path | None,
    name: str | None,
    controller: Path | None,
    sandbox: Sandbox,
    timeout: float,
    base_url: str | None,
    sizes: str | None,
    walls: str | None,
    seeds: int,
    verify: bool,
    leaderboard: Path | None,
    as_json: bool,
) -> None:
    """Play 50 fixed games on each of 15 boards: sides 6 to 20, with no walls, 5 % and 10 %.

    A PLAYER is a teacher (`best`), a policy (a shipped name or a directory), a build of a run (`run:DIR` or
    `run:DIR@CANDIDATE`), a chat model (`chat:openai:NAME`), or a program that speaks JSON-RPC (`stdio:COMMAND`). Each has a
    result file in --out. A command that was stopped goes on where it was. docs/snake-xl.md tells more.

    \b
    Examples:
      ouroloop bench snake-xl best snake-gpt-6x6 --out results
      ouroloop bench snake-xl "stdio:python mine.py" --name mine --out results
      ouroloop bench snake-xl --verify results/best.json
      ouroloop bench snake-xl --leaderboard results --out board
    """
    if verify and leaderboard is not None:
        raise UsageError("--verify and --leaderboard are two things: leave one of them out (--leaderboard verifies too)")
    if leaderboard is not None:
        if players:
            raise UsageError("--leaderboard DIR takes the result files of DIR, and no PLAYER: leave it out")
        _make_leaderboard(leaderboard, _required(out), as_json=as_json)
    elif verify:
        _verify(players, as_json=as_json)
    else:
        from ouroloop.bench.snake.xl.seats import Choice

        part = Part(boards(sizes, walls), seeds)
        _play(players, Choice(name, controller, sandbox, timeout, base_url), _required(out), part, as_json=as_json)


def boards(sizes: str | None, walls: str | None) -> list[Board]:
    """Return the boards that the options leave; raises UsageError for a size or a share that the benchmark lacks."""
    from ouroloop.bench.snake.xl.definition import BOARDS, SIZES, WALLS

    kept = (_numbers("--sizes", sizes, SIZES), _numbers("--walls", walls, WALLS))
    return [board for board in BOARDS if board.size in kept[0] and board.walls in kept[1]]


def _numbers(option: str, text: str | None, known: Sequence[float]) -> list[float]:
    if text is None:
        return list(known)
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not set(found) <= set(known):
        raise UsageError(f"{option} {text}: the benchmark has {', '.join(f'{number:g}' for number in known)}, split by commas")
    return found


def _required(out: Path | None) -> Path:
    if out is None:
        raise UsageError("--out is missing: name the folder that is written")
    return folder_at(out, "--out")


def _play(players: Sequence[str], choice: Choice, out: Path, part: Part, *, as_json: bool) -> None:
    from ouroloop.bench.snake.xl.players import file_of, player
    from ouroloop.bench.snake.xl.playing import play
    from ouroloop.runs.progress import progress

    if not players:
        raise UsageError("who should play? name a PLAYER: a teacher, a policy, run:DIR, chat:MODEL or stdio:COMMAND")
    if choice.name is not None and len(players) > 1:
        raise UsageError(f"--name {choice.name!r} is one name, found {len(players)} players: give it with one of them")
    found = [player(text, choice) for text in players]
    files = [out / file_of(one.who) for one in found]
    if len(set(files)) < len(files):
        raise UsageError("two of these players have one name: play them one by one, each with a --name")
    results: dict[str, Result] = {}
    with progress() as shown:
        for one, file in zip(found, files, strict=True):
            what = f"snake-xl {one.who.name}"
            results[str(file)] = play(one, file, part, partial(_advance, shown, what))
    _tell(results, as_json=as_json)


def _advance(shown: Progress, what: str, detail: str, share: float) -> None:
    """Show how far something is."""
    shown.advance(what, share, detail)


def _verify(files: Sequence[str], *, as_json: bool) -> None:
    from ouroloop.bench.snake.xl.checking import verify
    from ouroloop.runs.progress import progress

    if not files:
        raise UsageError("--verify has nothing to check: name result files")
    results = {}
    with progress() as shown:
        for number, file in enumerate(files):

            def tell(share: float, number: int = number, file: str = file) -> None:
                shown.advance("verify", (number + share) / len(files), file)

            results[file] = verify(Path(file), tell)
    _tell(results, as_json=as_json)


def _make_leaderboard(folder: Path, out: Path, *, as_json: bool) -> None:
    from ouroloop.bench.snake.xl.leaderboard import gather, write_all
    from ouroloop.runs.progress import progress
    from ouroloop.terminal import say

    with progress() as shown:
        entries = gather(folder, lambda what, share: shown.advance("verify", share, what))
    written = write_all(entries, out)
    if as_json:
        say_json({"files": [str(path) for path in written], "entries": len(entries)})
        return
    say(f"{len(entries)} results verified; written: {', '.join(str(path) for path in written)}")


def _tell(results: dict[str, Result], *, as_json: bool) -> None:
    """Print what result files hold."""
    from ouroloop.bench.snake.xl.shown import table
    from ouroloop.terminal import show

    if as_json:
        leave: Any = {"boards": {"__all__": {"moves", "score", "steps", "utility", "cause"}}, "seeds": True}
        told = [{"file": file, **result.model_dump(mode="json", exclude=leave)} for file, result in results.items()]
        say_json({"results": told})
        return
    for file, result in results.items():
        show(table(file, result))

"""Commands that let a policy or a teacher play: `eval` to measure it, `watch` to see it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import click

from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.inspect.watching import Screen

FOLDER = click.Path(path_type=Path)
Sandbox = Literal["auto", "docker", "wasm"]
F = TypeVar("F", bound=Callable[..., None])


def played_by(command: F) -> F:
    """Add the options that say who plays, and on which boards."""
    for option in (
        click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the games."),
        click.option(
            "--walls", default=0.0, show_default=True, type=float, help="Share of cells that become walls, 0 to 0.25."
        ),
        click.option("--size", type=int, help="Side of the board; the policy's own by default, 10 for a teacher."),
        click.option("--sandbox", type=click.Choice(["auto", "docker", "wasm"]), default="auto", show_default=True),
        click.option("--controller", type=FOLDER, help="A controller that turns the logits into moves, run in a sandbox."),
        click.option("--teacher", metavar="NAME", help="astar, greedy, cycle, early, best or random."),
        click.option("--policy", metavar="NAME|DIR", help="A shipped policy, e.g. snake-gpt-10x10, or a policy directory."),
    ):
        command = option(command)
    return command


@click.command(name="eval")
@played_by
@click.option("--games", default=100, show_default=True, type=click.IntRange(1, 10_000_000), help="Games to play.")
@click.option("--sampled", is_flag=True, help="Draw the moves from the policy's distribution; the highest logit by default.")
@click.option("--temperature", type=float, help="Of the sampling; 1 by default.")
@click.option("--threads", type=click.IntRange(1, 1024), help="One per processor by default. Scores are the same.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def evaluate(
    policy: str | None,
    teacher: str | None,
    controller: Path | None,
    sandbox: Sandbox,
    size: int | None,
    walls: float,
    seed: int,
    games: int,
    sampled: bool,
    temperature: float | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Play games on fresh seeds and say how well: score with interval, how games end, how varied the moves are, speed."""
    import numpy as np

    from ouroloop.inspect.contender import contender, cores
    from ouroloop.policy import evaluation
    from ouroloop.protocols.seeds import game_seeds
    from ouroloop.runs.progress import progress

    if temperature is not None and not sampled:
        raise UsageError(f"--temperature {temperature:g} without --sampled changes nothing: add --sampled, or leave it out")
    if sampled and teacher is not None:
        raise UsageError(f"the teacher {teacher!r} makes one move and has no distribution to sample from: leave out --sampled")
    with progress() as shown, contender(policy, teacher, controller, sandbox, size, walls, threads or cores()) as player:
        shown.advance("play", 0.0, f"{games} games")
        found = evaluation.evaluate(
            player.task,
            player.player,
            np.array(game_seeds(seed, "watch", 0, games), dtype=np.uint64),
            sampled=sampled,
            temperature=1.0 if temperature is None else temperature,
            seed=seed,
            open_session=player.open_session,
            threads=player.abreast,
            on_batch=lambda done, all_: shown.advance("play", done / all_, f"{done} of {all_} games"),
        )
    if as_json:
        who = {"policy": policy, "teacher": teacher, "controller": None if controller is None else str(controller)}
        click.echo(json.dumps({**found.to_document(), **who, "size": player.size, "walls": walls, "seed": seed}))
        return
    from ouroloop.cli.printing import print_rich
    from ouroloop.inspect.evaluation import evaluation_table

    print_rich(evaluation_table(player, found))


@click.command()
@played_by
@click.option("--fps", default=12, show_default=True, type=click.IntRange(1, 50), help="Moves a second.")
@click.option("--games", default=1, show_default=True, type=click.IntRange(1, 1000), help="Games to play, one after the other.")
@click.option("--gif", type=FOLDER, metavar="FILE", help="Keep what was played as an animated GIF.")
@click.option("--json", "as_json", is_flag=True, help="Show nothing; print how the games went as one JSON document.")
def watch(
    policy: str | None,
    teacher: str | None,
    controller: Path | None,
    sandbox: Sandbox,
    size: int | None,
    walls: float,
    seed: int,
    fps: int,
    games: int,
    gif: Path | None,
    as_json: bool,
) -> None:
    """See it play in the terminal: the first games that `eval` with the same seed plays. Ctrl-C ends it."""
    from dataclasses import asdict

    from ouroloop.envs.snake.drawing.gif import Frames
    from ouroloop.inspect.contender import contender, cores
    from ouroloop.inspect.watching import keep_gif, watch_games

    if gif is not None and not gif.parent.is_dir():
        raise UsageError(f"the folder {gif.parent} of --gif does not exist: make it, or choose another file")
    frames = None if gif is None else Frames()
    with contender(policy, teacher, controller, sandbox, size, walls, cores()) as player:
        screen = _screen(player, games, fps, quiet=as_json, keeps=gif is not None)
        seen = watch_games(player, seed, games, screen, frames)
    kept = None if gif is None or frames is None else keep_gif(frames, gif, fps)
    if as_json:
        click.echo(json.dumps({"games": [asdict(game) for game in seen], "gif": kept}))
        return
    for game in seen:
        click.echo(game.line())
    if kept is not None:
        left_out = "" if kept["every"] == 1 else f"; the games are long: one move in {kept['every']} is shown"
        click.echo(f"{kept['file']}: {kept['frames']} frames, {kept['bytes'] / 1000:.0f} kB{left_out}")


def _screen(player: Contender, games: int, fps: int, *, quiet: bool, keeps: bool) -> Screen:
    """Return where games are shown: a terminal where there is one, else lines, unless what is asked for is a file or JSON."""
    from rich.console import Console

    from ouroloop.inspect.watching import Lines, Live, Nowhere

    if quiet:
        return Nowhere()
    if sys.stdout.isatty():
        return Live(Console(), player.task.actions, player.name, games, fps)
    return Nowhere() if keeps else Lines()

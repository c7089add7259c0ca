"""The command `watch`: a game in the terminal, as an image or as an animation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ouroloop.cli.options import FOLDER, GAME, place
from ouroloop.cli.play import Sandbox, asked, played_by
from ouroloop.protocols.errors import UsageError
from ouroloop.streams import say_json

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.inspect.watch.screens import Screen


@click.command()
@played_by
@click.option("--fps", default=12, show_default=True, type=click.IntRange(1, 50), help="Moves a second.")
@click.option("--games", type=click.IntRange(1, 1000), help="Games to play, one after the other; 1 by default.")
@click.option(
    "--game",
    "exact",
    multiple=True,
    metavar="SEED",
    type=GAME,
    help="Play this very game instead; repeatable.",
)
@click.option("--gif", type=FOLDER, metavar="FILE", help="Save the games as an animated GIF.")
@click.option("--json", "as_json", is_flag=True, help="Show no games; print their results as one JSON document.")
def watch(
    policy: str | None,
    teacher: str | None,
    controller: Path | None,
    sandbox: Sandbox,
    task: str | None,
    size: int | None,
    walls: float | None,
    seed: int,
    fps: int,
    games: int | None,
    exact: tuple[int, ...],
    gif: Path | None,
    as_json: bool,
) -> None:
    """Watch a policy or teacher play the first games that `eval` plays with the same seed. Ctrl-C ends it.

    --game plays a game by its own seed, such as one that `show --candidate` names.

    \b
    Examples:
      ouroloop watch --policy snake-gpt-10x10
      ouroloop watch --teacher best --size 6 --gif game.gif
    """
    from dataclasses import asdict

    from ouroloop.inspect.contender import contender, cores
    from ouroloop.inspect.watch.animation import Frames
    from ouroloop.inspect.watch.games import keep_gif, watch_games
    from ouroloop.protocols.seeds import game_seeds
    from ouroloop.terminal import say

    if gif is not None and place(gif, "--gif").is_dir():
        raise UsageError(f"--gif {gif} is a directory: give the name of a file")
    if exact and games is not None:
        raise UsageError("--game names the very games to play, so --games changes nothing: leave one of them out")
    seeds = exact or tuple(game_seeds(seed, "eval", 0, games or 1))
    frames = None if gif is None else Frames()
    with contender(policy, teacher, controller, sandbox, asked(size, walls), cores(), task) as player:
        screen = _screen(player, len(seeds), fps, quiet=as_json, keeps=gif is not None)
        seen = watch_games(player, seeds, screen, frames)
    kept = None if gif is None or frames is None else keep_gif(player.task, frames, gif, fps)
    if as_json:
        say_json({"games": [game.document() for game in seen], "gif": None if kept is None else asdict(kept)})
        return
    for game in seen:
        say(game.line())
    if kept is not None:
        left_out = "" if kept.every == 1 else f"; the games are long: one move in {kept.every} is shown"
        say(f"{kept.file}: {kept.frames} frames, {kept.bytes / 1000:.0f} kB{left_out}")


def _screen(player: Contender, games: int, fps: int, *, quiet: bool, keeps: bool) -> Screen:
    """Return the screen for the games: live on a terminal, lines elsewhere; nothing for JSON, or for a GIF off a terminal."""
    from ouroloop.inspect.watch.screens import Lines, Live, Nowhere
    from ouroloop.terminal import Plain

    if quiet:
        return Nowhere()
    if sys.stdout.isatty():
        return Live(Plain(), player.task, player.name, games, fps)
    return Nowhere() if keeps else Lines(player.task)

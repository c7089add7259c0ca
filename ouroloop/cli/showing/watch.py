"""The command `watch`: a game in the terminal, as a picture or as an animation, and what decides its moves."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ouroloop.cli.options import FOLDER, GAME, file_at
from ouroloop.cli.play import Sandbox, asked, played_by
from ouroloop.policy.saliency.names import TITLES
from ouroloop.protocols.errors import UsageError
from ouroloop.streams import say_json

ALL = "all"
"""All methods side by side."""

if TYPE_CHECKING:
    from ouroloop.inspect.contender import Contender
    from ouroloop.inspect.watch.games import Animation, Watched
    from ouroloop.inspect.watch.screens import Screen
    from ouroloop.inspect.watch.still import Png
    from ouroloop.inspect.watch.why import Reason


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
@click.option("--mp4", type=FOLDER, metavar="FILE", help="Save the games as an MP4; needs PyAV (`ouroloop[video]`).")
@click.option("--png", type=FOLDER, metavar="FILE", help="Save one moment of the first game as a picture.")
@click.option("--move", type=click.IntRange(0), metavar="N", help="The move of that moment, from 0; the middle one by default.")
@click.option(
    "--saliency",
    type=click.Choice([*TITLES, ALL]),
    help=f"Tint the cells that speak for the policy's move; {ALL}: by all methods side by side, in a picture.",
)
@click.option(
    "--why", type=click.IntRange(1, 1000), metavar="N", help="Ask a language base why it made N moves of the first game."
)
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
    mp4: Path | None,
    png: Path | None,
    move: int | None,
    saliency: str | None,
    why: int | None,
    as_json: bool,
) -> None:
    """Watch a policy or teacher play the first games that `eval` plays with the same seed. Ctrl-C ends it.

    --game plays a game by its own seed, such as one that `show --candidate` names. --saliency says what in a position decided
    the move: by attention rollout, by Grad-CAM, or by integrated gradients. --why asks a language base for its reasons, and
    holds what they claim against what the moves did.

    \b
    Examples:
      ouroloop watch --policy snake-gpt-10x10
      ouroloop watch --teacher best --size 6 --gif game.gif --mp4 game.mp4
      ouroloop watch --policy snake-gpt-6x6 --saliency all --png maps.png
    """
    from ouroloop.inspect.contender import contender, cores
    from ouroloop.inspect.watch.animation import Frames
    from ouroloop.inspect.watch.games import keep_gif, keep_mp4, watch_games
    from ouroloop.inspect.watch.lens import Lens
    from ouroloop.inspect.watch.still import Still, keep_png
    from ouroloop.inspect.watch.video import MOST_SHOWN
    from ouroloop.inspect.watch.why import reasons_of, require_reasons

    _check(gif, mp4, png, move, saliency)
    seeds = _seeds(seed, games, exact)
    frames, shots = None if gif is None else Frames(), None if mp4 is None else Frames(MOST_SHOWN)
    still = None if png is None and why is None else Still(move)
    methods = () if saliency is None else tuple(TITLES) if saliency == ALL else (saliency,)
    with contender(policy, teacher, controller, sandbox, asked(size, walls), cores(), task) as player:
        lenses = [Lens(player, method) for method in methods]
        if why is not None:
            require_reasons(player)
        live = sys.stdout.isatty() and not as_json
        if lenses and not (live or gif or mp4 or png):
            raise UsageError("--saliency is drawn on a terminal or in a picture, and here is neither: add --gif or --png FILE")
        screen = _screen(player, len(seeds), fps, quiet=as_json, keeps=bool(gif or mp4 or png))
        shown = {"lens": lenses[0]} if saliency not in (None, ALL) and (live or gif or mp4) else {}
        seen = watch_games(player, seeds, screen, [one for one in (frames, shots) if one is not None], still=still, **shown)
        picture = None if png is None or still is None else keep_png(player.task, still, lenses, png)
        told = None if why is None or still is None else reasons_of(player, seeds[0], still.kept, why)
    kept = None if gif is None or frames is None else keep_gif(player.task, frames, gif, fps)
    video = None if mp4 is None or shots is None else keep_mp4(player.task, shots, mp4, fps)
    _tell(Found(seen, kept, video, picture, told), as_json=as_json)


@dataclass(frozen=True, slots=True)
class Found:
    """What watching gave: the games, the files that were written, and the reasons, None if nobody asked."""

    games: list[Watched]
    gif: Animation | None
    mp4: Animation | None
    png: Png | None
    why: list[Reason] | None


def _tell(found: Found, *, as_json: bool) -> None:
    """Print the results."""
    from dataclasses import asdict

    from ouroloop.inspect.watch.why import summary
    from ouroloop.terminal import say

    if as_json:
        named = (("gif", found.gif), ("mp4", found.mp4), ("png", found.png))
        files = {name: None if file is None else asdict(file) for name, file in named}
        why = {} if found.why is None else {"why": [reason.document() for reason in found.why]}
        say_json({"games": [game.document() for game in found.games], **files, **why})
        return
    for game in found.games:
        say(game.line())
    for reason in found.why or ():
        say(reason.line())
    if found.why is not None:
        say(summary(found.why))
    if found.png is not None:
        say(f"{found.png.file}: move {found.png.move}, {found.png.bytes / 1000:.0f} kB")
    for made in (found.gif, found.mp4):
        if made is not None:
            left_out = "" if made.every == 1 else f"; the games are long: one move in {made.every} is shown"
            say(f"{made.file}: {made.frames} frames, {made.bytes / 1000:.0f} kB{left_out}")


def _seeds(seed: int, games: int | None, exact: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seeds of the games: those that are named, or the first ones that `eval` plays."""
    from ouroloop.protocols.seeds import game_seeds

    if exact and games is not None:
        raise UsageError("--game names the very games to play, so --games changes nothing: leave one of them out")
    return exact or tuple(game_seeds(seed, "eval", 0, games or 1))


def _check(gif: Path | None, mp4: Path | None, png: Path | None, move: int | None, saliency: str | None) -> None:
    """Refuse files that are folders or cannot be made here, and options that would change nothing."""
    from ouroloop.inspect.watch.video import require_video

    for option, file in (("--gif", gif), ("--mp4", mp4), ("--png", png)):
        if file is not None:
            file_at(file, option)
    if mp4 is not None:
        require_video()
    if move is not None and png is None:
        raise UsageError(f"--move {move} without --png changes nothing: add --png FILE, or leave it out")
    if saliency == ALL and (png is None or gif is not None or mp4 is not None):
        other = "--mp4" if gif is None and mp4 is not None else "--gif"
        raise UsageError(f"--saliency {ALL} draws a picture of one move: give --png FILE and no {other}, or choose one method")


def _screen(player: Contender, games: int, fps: int, *, quiet: bool, keeps: bool) -> Screen:
    """Return the screen for the games: live on a terminal, lines elsewhere; nothing for JSON, or for a GIF off a terminal."""
    from ouroloop.inspect.watch.screens import Lines, Live, Nowhere
    from ouroloop.terminal import Plain

    if quiet:
        return Nowhere()
    if sys.stdout.isatty():
        return Live(Plain(), player.task, player.name, games, fps)
    return Nowhere() if keeps else Lines(player.task)

"""The command `eval`: how well a policy or a teacher plays. The options that `eval` and `watch` share are here too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import click

from ouroloop.cli.options import FOLDER, SEED
from ouroloop.protocols.errors import UsageError
from ouroloop.streams import say_json

Sandbox = Literal["auto", "docker", "wasm"]
F = TypeVar("F", bound=Callable[..., None])


def played_by(command: F) -> F:
    """Add the options that choose the player and its boards."""
    for option in (
        click.option("--seed", default=0, show_default=True, type=SEED, help="Seed of the games."),
        click.option("--walls", type=float, help="Share of cells that become walls, 0 to 0.25, in games that have them."),
        click.option("--size", type=int, help="Side of the board; the policy's own by default, 10 for a teacher."),
        click.option("--task", metavar="NAME", help="The game; the policy's own by default. `ouroloop tasks` lists them."),
        click.option("--sandbox", type=click.Choice(["auto", "docker", "wasm"]), default="auto", show_default=True),
        click.option("--controller", type=FOLDER, help="A controller that turns the logits into moves, run in a sandbox."),
        click.option("--teacher", metavar="NAME", help="astar, greedy, cycle, early, best or random."),
        click.option("--policy", metavar="NAME|DIR", help="A shipped policy, e.g. snake-gpt-10x10, or a policy directory."),
    ):
        command = option(command)
    return command


def asked(size: int | None, walls: float | None) -> dict[str, float]:
    """Return the game's settings that the options ask for."""
    return {key: value for key, value in (("size", size), ("walls", walls)) if value is not None}


def require_odds(teacher: str | None, sampled: bool, temperature: float | None) -> None:
    """Refuse a sampling that would change nothing, or has nothing to draw from."""
    if temperature is not None and not sampled:
        raise UsageError(f"--temperature {temperature:g} without --sampled changes nothing: add --sampled, or leave it out")
    if sampled and teacher is not None:
        raise UsageError(f"the teacher {teacher!r} makes one move and has no distribution to sample from: leave out --sampled")


@click.command(name="eval")
@played_by
@click.option("--games", default=100, show_default=True, type=click.IntRange(1, 10_000_000), help="Games to play.")
@click.option("--sampled", is_flag=True, help="Sample moves from the policy's distribution; default: the highest logit.")
@click.option("--temperature", type=float, help="Sampling temperature; 1 by default.")
@click.option("--threads", type=click.IntRange(1, 1024), help="One per processor by default; does not change scores.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def evaluate(
    policy: str | None,
    teacher: str | None,
    controller: Path | None,
    sandbox: Sandbox,
    task: str | None,
    size: int | None,
    walls: float | None,
    seed: int,
    games: int,
    sampled: bool,
    temperature: float | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Play games; print the score with its interval, how games end, how varied the moves are, and speed.

    The games are the first of the seed's `eval` stream, which no run, training or search plays. The same seed gives the same
    games: to judge a player that was chosen by its score here, give another seed.

    \b
    Examples:
      ouroloop eval --policy snake-gpt-6x6 --games 500
      ouroloop eval --teacher best --size 10 --walls 0.1 --json
      ouroloop eval --policy my-policy --controller controller.py
    """
    import numpy as np

    from ouroloop.inspect.contender import contender, cores
    from ouroloop.policy import evaluation
    from ouroloop.protocols.seeds import game_seeds
    from ouroloop.runs.progress import progress

    require_odds(teacher, sampled, temperature)
    with (
        progress() as shown,
        contender(policy, teacher, controller, sandbox, asked(size, walls), threads or cores(), task) as player,
    ):
        shown.advance("play", 0.0, f"{games} games")
        found = evaluation.evaluate(
            player.task,
            player.player,
            np.array(game_seeds(seed, "eval", 0, games), dtype=np.uint64),
            sampled=sampled,
            temperature=1.0 if temperature is None else temperature,
            seed=seed,
            open_session=player.open_session,
            threads=player.abreast,
            on_batch=lambda done, all_: shown.advance("play", done / all_, f"{done} of {all_} games"),
        )
    if as_json:
        who = {"policy": policy, "teacher": teacher, "controller": None if controller is None else str(controller)}
        on = {"task": player.task.name, "size": player.settings.get("size"), "walls": walls or 0.0, "seed": seed}
        say_json({**found.to_document(), **who, **on})
        return
    from ouroloop.inspect.evaluation import evaluation_table
    from ouroloop.terminal import show

    show(evaluation_table(player, found))

"""Commands that train policies (`train sft`, `train grpo`, `train distill`); `data` and `eyes` hold the other ones.

Like a run, a training takes its settings from a recipe's tables (`[task]`, `[sft]`, `[grpo]`, `[distill]`) and from `--set`.
It leaves a policy directory with a model card, the figures of every step in `training.json` and a learning curve in
`curve.png`. An interrupted training resumes from its last checkpoint when the command is called again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ouroloop.cli.learning.data import data
from ouroloop.cli.learning.eyes import clip, gemma, reader, vae
from ouroloop.cli.options import FOLDER, SEED


@click.group()
def train() -> None:
    """Train a policy or an eye, or make training data."""


def training(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every training has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--games", default=200, show_default=True, type=click.IntRange(1), help="Games in the final evaluation."),
        click.option("--seed", type=SEED, help="Replaces the recipe's seed; 0 if neither is given."),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe, e.g. task.size=8."
        ),
        click.option("--out", type=FOLDER, required=True, help="The policy directory to make."),
        click.argument("recipe", type=FOLDER, required=False),
    ):
        command = option(command)
    return command


@train.command()
@training
@click.option("--start", help="A policy to train further (a name or a directory); a new one by default.")
@click.option("--eye", type=FOLDER, help="An eye, reader or encoder that the policy looks through; [fusion] says how.")
def sft(
    recipe: Path | None,
    out: Path,
    overrides: tuple[str, ...],
    seed: int | None,
    games: int,
    as_json: bool,
    start: str | None,
    eye: Path | None,
) -> None:
    """Train a policy on a teacher's moves, by the [sft] table of RECIPE.

    With --eye the policy sees pictures, taken by the recipe's [camera], and --start
    names a Snake-GPT that learns to see.

    \b
    Examples:
      ouroloop train sft recipes/snake-gpt-6x6.toml --out my-policy
      ouroloop train sft --set sft.steps=300 --out my-policy
      ouroloop train sft --eye my-reader --out my-seeing-policy
    """
    from ouroloop.cli.learning.training import train_by_recipe

    train_by_recipe("sft", recipe, overrides, out, seed, games, as_json, start=start, eye=eye)


@train.command()
@training
@click.option("--start", required=True, help="The policy to train further: a name or a directory.")
@click.option("--reward", type=FOLDER, help="A reward spec (JSON); the game's own reward by default.")
def grpo(
    recipe: Path | None,
    out: Path,
    overrides: tuple[str, ...],
    seed: int | None,
    games: int,
    as_json: bool,
    start: str,
    reward: Path | None,
) -> None:
    """Train a policy further by GRPO under a reward, by the [grpo] table of RECIPE.

    \b
    Examples:
      ouroloop train grpo --start my-policy --reward reward.json --out better
    """
    from ouroloop.cli.learning.training import train_by_recipe

    train_by_recipe("grpo", recipe, overrides, out, seed, games, as_json, start=start, reward=reward)


@train.command()
@training
@click.option("--teacher", "start", required=True, help="The policy to learn from: a name or a directory.")
def distill(
    recipe: Path | None, out: Path, overrides: tuple[str, ...], seed: int | None, games: int, as_json: bool, start: str
) -> None:
    """Train a smaller policy to copy a larger one, by the [distill] table of RECIPE.

    \b
    Examples:
      ouroloop train distill --teacher snake-gpt-6x6 --out small
    """
    from ouroloop.cli.learning.training import train_by_recipe

    train_by_recipe("distill", recipe, overrides, out, seed, games, as_json, start=start)


for other in (data, reader, clip, gemma, vae):
    train.add_command(other)

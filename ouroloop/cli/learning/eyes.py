"""The commands that train eyes: `train reader`, `train clip`, `train gemma`, `train vae`."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ouroloop.cli.options import FOLDER, SEED, place
from ouroloop.protocols.errors import UsageError
from ouroloop.protocols.text import shell_word
from ouroloop.streams import say_json

if TYPE_CHECKING:
    from rich.table import Table

    from ouroloop.runs.recipe import Recipe

Part = Literal["reader", "clip", "gemma", "vae"]


def eye(command: Callable[..., None]) -> click.Command:
    """Make a command of the options that the training of every eye has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--seed", type=SEED, help="Replaces the recipe's seed; 0 if neither is given."),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe, e.g. task.size=8."
        ),
        click.option("--out", type=FOLDER, required=True, help="The directory to make."),
        click.argument("recipe", type=FOLDER, required=False),
    ):
        command = option(command)
    return click.command()(command)


@eye
def reader(recipe: Path | None, out: Path, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Train a board reader, by the [reader] table of RECIPE. Its latents also serve policies that see.

    \b
    Examples:
      ouroloop train reader --set reader.steps=500 --out my-reader
    """
    _train("reader", recipe, out, overrides, seed, as_json)


@eye
def clip(recipe: Path | None, out: Path, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Train a small CLIP on boards and their captions, by the [clip] table of RECIPE.

    \b
    Examples:
      ouroloop train clip --set task.size=6 --out my-clip
    """
    _train("clip", recipe, out, overrides, seed, as_json)


@eye
def gemma(recipe: Path | None, out: Path, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Train a small Gemma that sees, by the [gemma] table of RECIPE.

    \b
    Examples:
      ouroloop train gemma --set task.size=6 --out my-gemma
    """
    _train("gemma", recipe, out, overrides, seed, as_json)


@eye
def vae(recipe: Path | None, out: Path, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Train a variational autoencoder on pictures alone, by the [vae] table of RECIPE.

    \b
    Examples:
      ouroloop train vae --set task.size=6 --out my-vae
    """
    _train("vae", recipe, out, overrides, seed, as_json)


def _train(part: Part, recipe: Path | None, out: Path, overrides: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Train one of the parts of an eye and print the figures of its report."""
    from ouroloop.runs.beginning.eyes import config_of
    from ouroloop.runs.executors.eyes import train_eye
    from ouroloop.runs.progress import progress
    from ouroloop.runs.recipe import build_recipe, load_recipe
    from ouroloop.terminal import say, say_lines, show

    settings = build_recipe({}, overrides) if recipe is None else load_recipe(recipe, overrides)
    seed = seed if seed is not None else settings.seed or 0
    if place(out, "--out").exists():
        raise UsageError(f"{out} exists already: remove it, or choose another --out")
    with progress() as shown:

        def report(stage: str, fraction: float, figures: dict[str, float]) -> None:
            said = " ".join([stage, *(f"{key} {value:.3g}" for key, value in list(figures.items())[:3])])
            shown.advance(f"train {part}", fraction, said)

        found = train_eye(settings.task, config_of(settings, part), seed, out, report)
    _explain(part, settings, seed, found, out)
    if as_json:
        say_json({"kind": part, "out": str(out), "seed": seed, "figures": found})
        return
    show(figures_table(part, found))
    say(f"{part}: {out}")
    say_lines(f"next: ouroloop {_next(part, recipe, overrides, out)}")


def _explain(part: Part, settings: Recipe, seed: int, figures: dict[str, float], out: Path) -> None:
    """Write the recipe and the figures of a training beside its weights, for people.

    They are in no card: the same seed gives the same card, and a training's seconds differ.
    """
    from ouroloop.runs.recipe import recipe_toml

    made = {"recipe": recipe_toml(settings), "python": platform.python_version(), "torch": version("torch")}
    document = {"kind": part, "seed": seed, "figures": figures, **made}
    (out / "training.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _next(part: Part, recipe: Path | None, overrides: tuple[str, ...], out: Path) -> str:
    """Return the arguments of the command to type next: the game is that of the training."""
    given = "".join(f" --set {shell_word(override)}" for override in overrides)
    if part == "reader":
        named = "RECIPE" if recipe is None else shell_word(recipe)
        return f"run {named}{given} --set perception=vision-reader --set {shell_word(f'eyes.reader={out}')}"
    named = "" if recipe is None else f" {shell_word(recipe)}"
    return f"train sft{named}{given} --eye {shell_word(out)} --out my-policy"


def figures_table(part: str, figures: dict[str, float]) -> Table:
    """Return the figures of a training as a table."""
    from rich.table import Table

    table = Table(part, "value", pad_edge=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value) if isinstance(value, int) else f"{value:.5g}")
    return table

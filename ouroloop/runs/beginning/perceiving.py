"""What each way to perceive needs: what the policy reads, and what stands between the board and the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ouroloop.envs.capabilities import drawn_encoding_of
from ouroloop.protocols.errors import UsageError

if TYPE_CHECKING:
    from ouroloop.policy.sft.config import SftConfig
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import Recipe

LATENTS: Final = {"vision-latent": "reader", "clip": "clip", "gemma3": "gemma"}
"""The ways to perceive in which the policy gets latents -> the kind of encoder that gives them."""


def blind(recipe: Recipe) -> bool:
    """Tell whether nothing of a run is seen: policy and controller get the position itself."""
    return recipe.perception in ("json", "ascii")


def encoder_kind(recipe: Recipe) -> str | None:
    """Return the kind of encoder whose latents the policy gets; None if it reads text."""
    if recipe.perception == "vision-latent":
        return recipe.eyes.latents
    return LATENTS.get(recipe.perception)


def sft_of(recipe: Recipe, task: Task) -> SftConfig:
    """Return the settings of the first policy's training; with `perception = "ascii"` it reads the board as it looks.

    Raises:
        UsageError: the game has no encoding that writes it so.
    """
    if recipe.perception != "ascii":
        return recipe.sft
    return recipe.sft.model_copy(update={"encoding": drawn_encoding_of(task).name})


def check_given(recipe: Recipe, task: Task, encoding: str, kind: str | None) -> None:
    """Refuse a given start policy that perceives in another way than the run.

    Args:
        recipe: the run's.
        task: the game.
        encoding: name of the encoding that the policy reads.
        kind: of the encoder through which it sees; None if it reads text.

    Raises:
        UsageError: it does; the message says what to do.
    """
    wanted, who = encoder_kind(recipe), f"start.policy {recipe.start.policy}"
    if wanted is not None and kind is None:
        raise UsageError(
            f'{who} reads text, but perception = "{recipe.perception}" gives latents: set start.policy = "sft" (fusion.body '
            "may name it, to learn to see), or give a policy that sees"
        )
    if wanted != kind:
        fits = next((name for name, own in LATENTS.items() if own == kind), "vision-latent")
        said = "" if wanted is None else f', and perception = "{recipe.perception}" means {wanted!r}'
        latents = "" if fits != "vision-latent" else f'eyes.latents = "{kind}"'
        needed = [] if recipe.perception == fits else [f'perception = "{fits}"']
        remedy = " and ".join([*needed, *([latents] if latents and recipe.eyes.latents != kind else [])])
        raise UsageError(f"{who} sees by an encoder of the kind {kind!r}{said}: set {remedy}")
    drawn = drawn_encoding_of(task).name if recipe.perception == "ascii" else encoding
    if encoding != drawn:
        raise UsageError(
            f'{who} reads the encoding {encoding!r}, but perception = "ascii" writes {drawn!r}: set start.policy = "sft"'
        )

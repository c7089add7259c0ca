"""Whether a recipe's eyes can be used, asked before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ouroloop.envs.capabilities import encoding_of, sight_of
from ouroloop.protocols.encoding import Located
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.beginning.eyes import MADE, names, open_eye, place_of_encoder, place_of_reader
from ouroloop.runs.beginning.perceiving import blind, check_given, encoder_kind, sft_of

if TYPE_CHECKING:
    from ouroloop.policy.language import LanguagePolicy
    from ouroloop.protocols.ports import Task
    from ouroloop.runs.recipe import Recipe


def check_eyes(recipe: Recipe, task: Task) -> None:
    """Refuse eyes that a recipe names but that cannot be used; whatever is shipped or trained later is not opened.

    Raises:
        UsageError: the game has no pictures or no text board, or a named reader, encoder or body is missing or unfit.
        SurroundingsError: a model that an encoder needs is not on this machine.
    """
    if recipe.start.policy in MADE:
        sft_of(recipe, task)
        _check_salience(recipe, task)
    if blind(recipe):
        return
    sight_of(task)
    from ouroloop.perception.camera import Camera
    from ouroloop.perception.readers import open_reader

    Camera(task, recipe.camera)  # refuses an unknown look
    if names(recipe.eyes.reader) and (reader := place_of_reader(recipe, task)) is not None:
        open_reader(reader, task)
    if names(recipe.eyes.encoder) and recipe.start.policy in MADE:
        _check_encoder(recipe, task)
    if encoder_kind(recipe) is not None and recipe.start.policy == "sft":
        _check_body(recipe, task)


def _check_encoder(recipe: Recipe, task: Task) -> None:
    kind = encoder_kind(recipe)
    if kind in (None, "reader"):
        said = "gets no latents" if kind is None else "gets the latents of eyes.reader"
        raise UsageError(f'eyes.encoder is set, but the policy {said} with perception = "{recipe.perception}": leave it out')
    encoder = place_of_encoder(recipe, task)
    assert encoder is not None
    open_eye(recipe, task, encoder)


def _check_body(recipe: Recipe, task: Task) -> None:
    """Refuse a base, which no eye is made for, and a body that is no Snake-GPT for this board."""
    if recipe.sft.base:
        raise UsageError(
            f'sft.base {recipe.sft.base} reads text, but perception = "{recipe.perception}" gives latents, which only a '
            "Snake-GPT takes: leave sft.base out"
        )
    if recipe.fusion.body:
        from ouroloop.policy.shipped import find_policy
        from ouroloop.policy.snake_gpt import load

        load(find_policy(recipe.fusion.body), task=task)


def _check_salience(recipe: Recipe, task: Task) -> None:
    """Refuse a feature made of maps that the policy to be made cannot have, since nothing says what its tokens speak of."""
    if not _asks_for_maps(recipe):
        return
    kind = encoder_kind(recipe)
    if kind == "vae" or (kind is not None and recipe.fusion.spread > 1):
        said = 'eyes.latents = "vae"' if kind == "vae" else f"fusion.spread {recipe.fusion.spread}"
        raise UsageError(
            f'salience.method = "{recipe.salience.method}" needs to know which token speaks of which cell, but with {said} '
            "the policy sees a picture as a whole: take an eye with a grid of latents"
        )
    if kind is None:
        encoding = encoding_of(task, sft_of(recipe, task).encoding)
        if not isinstance(encoding, Located):
            raise UsageError(
                f'salience.method = "{recipe.salience.method}": nothing says which token of the encoding {encoding.name!r} '
                "speaks of which cell: choose another sft.encoding, or leave salience.method out"
            )


def _asks_for_maps(recipe: Recipe) -> bool:
    """Tell whether rewards of a run may speak of what is salient: some are trained on, and there is a method."""
    return any(one.count for one in recipe.roles.reward_designer) and bool(recipe.salience.method)


def _explain_one(policy: LanguagePolicy, task: Task) -> None:
    """Refuse a policy of whose tokens nothing says which cell they speak of; raises UsageError."""
    from ouroloop.policy.saliency.prompts import prompts_of

    prompts_of(policy, task.engine(np.zeros(1, np.uint64)).observations())


def check_perceives(recipe: Recipe, task: Task, policy: LanguagePolicy) -> None:
    """Refuse a given start policy that perceives in another way than the run, or that cannot be explained where it must be.

    Raises:
        UsageError: it does, or it cannot.
    """
    from ouroloop.policy.fusion.seeing import Seeing

    kind = policy.eye.name if isinstance(policy, Seeing) else None
    check_given(recipe, task, policy.encoding.name, kind)
    if _asks_for_maps(recipe):
        _explain_one(policy, task)

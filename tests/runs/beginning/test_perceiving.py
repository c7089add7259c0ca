"""What each way to perceive needs, and which start policies it refuses."""

from __future__ import annotations

import pytest

from ouroloop.envs.snake.task import SnakeTask
from ouroloop.protocols.errors import UsageError
from ouroloop.runs.beginning.perceiving import blind, check_given, encoder_kind, sft_of
from tests.games.balance.task import BalanceTask
from tests.runs.small_run import micro

TASK = SnakeTask(6)


@pytest.mark.parametrize(
    ("perception", "sees", "kind"),
    [
        ("json", False, None),
        ("ascii", False, None),
        ("vision", True, None),
        ("vision-reader", True, None),
        ("vision-latent", True, "reader"),
        ("clip", True, "clip"),
        ("gemma3", True, "gemma"),
    ],
)
def test_a_way_to_perceive_names_its_encoder(perception, sees, kind):
    recipe = micro(f"perception={perception}")
    assert (blind(recipe), encoder_kind(recipe)) == (not sees, kind)
    assert sft_of(recipe, TASK).encoding == ("ascii" if perception == "ascii" else "cells")


def test_the_autoencoder_takes_the_readers_place():
    assert encoder_kind(micro("perception=vision-latent", "eyes.latents=vae")) == "vae"
    assert encoder_kind(micro("perception=vision-reader", "eyes.latents=vae")) is None


def test_a_game_without_a_text_board_has_none():
    with pytest.raises(UsageError, match=r'balance has no encoding .* set perception = "json"'):
        sft_of(micro("perception=ascii"), BalanceTask())


@pytest.mark.parametrize(
    ("perception", "encoding", "kind", "said"),
    [
        ("vision-latent", "path", None, 'reads text, but perception = "vision-latent" gives latents'),
        ("json", "ascii", "reader", 'set perception = "vision-latent"'),
        ("vision-reader", "ascii", "clip", 'set perception = "clip"'),
        ("clip", "ascii", "gemma", 'set perception = "gemma3"'),
        ("vision-latent", "path", "vae", 'set eyes.latents = "vae"'),
        ("clip", "path", "vae", 'set perception = "vision-latent" and eyes.latents = "vae"'),
        ("ascii", "path", None, "reads the encoding 'path', but perception = \"ascii\" writes 'ascii'"),
        ("ascii", "ascii", None, None),
        ("vision-reader", "path", None, None),
        ("gemma3", "ascii", "gemma", None),
    ],
)
def test_a_given_policy_perceives_as_the_run_does(perception, encoding, kind, said):
    recipe = micro(f"perception={perception}", "start.policy=mine")
    if said is None:
        check_given(recipe, TASK, encoding, kind)
        return
    with pytest.raises(UsageError) as caught:
        check_given(recipe, TASK, encoding, kind)
    assert said in str(caught.value)
    assert "start.policy mine" in str(caught.value)
